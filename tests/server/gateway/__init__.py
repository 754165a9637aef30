"""Tests of `server.gateway`, one module each."""
