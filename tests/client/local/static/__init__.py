"""Tests of what the client serves by itself."""
