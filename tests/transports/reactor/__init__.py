"""Tests of `transports.reactor`, one module each."""
