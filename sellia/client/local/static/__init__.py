"""Targets that the client serves by itself: directories, single files and texts, through twisted.web's own ``File``.

May import what :mod:`sellia.client.local` may, and that; it is loaded when such a target is first asked for something.
"""
