"""Sphinx builds this folder: ``make docs``."""

import sys
from pathlib import Path

import sellia

sys.path.insert(0, str(Path(__file__).parent))

project = "Sellia"
author = "the Sellia contributors"
copyright = f"2026, {author}"
version = release = sellia.__version__

extensions = ["generated"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"Sellia {release}"
