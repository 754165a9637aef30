"""Tests of `transports.original.client_side`, one module each."""
