"""Tests of ``sellia.settings`` that look at one of its modules; ``tests.test_settings`` has those of the whole."""
