"""Tests of `relay.http`, one module each."""
