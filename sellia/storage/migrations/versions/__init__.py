"""Revisions of the schema, by their numbers."""
