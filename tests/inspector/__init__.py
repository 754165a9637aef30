"""Tests of `inspector`, one module each."""
