"""``sellia service``."""
