"""Tests of `relay.mux`, one module each."""
