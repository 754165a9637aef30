"""The ``sellia`` command: a thin user of the same Python API that everybody has."""
