"""What README.md, SECURITY.md, docs/ and the configs' own texts tell a reader to run; test_docs.py runs it."""
