"""Tests of `server.embedding`, one module each."""
