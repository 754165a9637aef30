"""Tests of the dialects: bytes to values and back."""
