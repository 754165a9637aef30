"""Tests of `server.listeners`, one module each."""
