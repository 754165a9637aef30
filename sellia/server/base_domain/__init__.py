"""The server's own pages, on the base domain: landing page, health, and whatever else twisted.web serves.

Imports `sellia.server.ingress.ingress`, `sellia.server.gateway.gateway`, settings and the lower rooms.
"""
