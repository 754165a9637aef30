"""Bytes to values and back: the messages of a dialect, their encoding, and the limits on both.

Pure: no I/O, no clock, no Twisted.  ``messages`` says what can be said, ``native`` how it is spelled; ``original`` is
both for the original dialect, with ``spelling`` and ``packing`` for the octets.
"""
