"""Tests of how settings are described, found and checked: a module for each of ``sellia.settings``."""
