"""Tests of `inspector.decode`, one module each; ``golden`` has what each decoder makes of what."""
