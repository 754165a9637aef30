"""Tests of the client's room."""
