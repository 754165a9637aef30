"""Tests of `sellia.cli.commands`, one module each."""
