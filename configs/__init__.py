"""What to run: one `get_config()` per file. The files import nothing of ris_tf except each other."""
