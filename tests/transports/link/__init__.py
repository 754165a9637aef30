"""Tests of `transports.link`, one module each."""
