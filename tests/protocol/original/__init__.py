"""Tests of `protocol.original`, one module each."""
