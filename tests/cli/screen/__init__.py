"""The status block."""
