"""Tests of `client.control`, one module each."""
