"""Wire formats: the messages of each dialect, their encoding, and the limits on both.

Pure: no I/O, no clock, no Twisted.  ``messages`` says what can be said, ``native`` how it is spelled; ``original`` is
both for the original dialect, with ``spelling`` and ``packing`` for the bytes.
"""
