"""Tests of `transports.original.server_side`, one module each."""
