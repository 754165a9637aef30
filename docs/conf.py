"""Sphinx builds this folder: ``make docs``."""

import sellia

project = "Sellia"
author = "the Sellia contributors"
copyright = f"2026, {author}"
version = release = sellia.__version__

extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"Sellia {release}"
autodoc_member_order = "bysource"
nitpicky = False
