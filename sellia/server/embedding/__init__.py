"""Embedding of tunnels in a twisted.web `Site` that belongs to somebody else.

Imports `sellia.server.ingress.ingress`, settings and the lower rooms.
"""
