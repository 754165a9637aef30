"""Tests of `server.ingress`, one module each."""
