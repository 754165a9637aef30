"""Tests of `relay.limits`, one module each."""
