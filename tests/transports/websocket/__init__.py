"""Tests of `transports.websocket`, one module each."""
