"""What to run: one `get_config()` per file, importing nothing of ris_tf."""
