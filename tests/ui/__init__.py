"""The building blocks of pages: files, libraries and their hashes."""
