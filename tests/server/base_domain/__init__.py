"""Tests of `server.base_domain`, one module each."""
