"""Tests of `client.local`, one module each."""
