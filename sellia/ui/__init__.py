"""Building blocks of Sellia's pages: the inspector's, and the one for administrators.

Need
    Both pages are plain ES modules that a browser loads as they are, without a build, and both show the same things:
    tables of any length, dialogs, menus, text that strangers wrote.

How
    A page is a directory of package data of its own, with an ``index.html``.  What is here is served beneath it as
    ``ui/``: ``base.css`` with the colours and controls, one module for each kind of block, and ``vendor/`` with the
    libraries (Preact, htm, signals), whose versions and hashes are in ``vendor/manifest.json``.  `files` finds the file
    of a path.

Invariants
    * No block knows what a page is about: it is given texts and functions.
    * Text becomes text, never markup; nothing needs inline script or style from a page's markup.
    * Nothing is served but files with a known end, below the two directories.

Imports nothing of Sellia, so that client and server may both import it.
"""
