"""Tests of `client.link`, one module each."""
