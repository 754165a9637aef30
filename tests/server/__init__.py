"""Tests of the server: its public side, its gateway, its own pages."""
