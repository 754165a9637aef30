"""Tests of causes: who is blamed for which end, and with what evidence."""
