"""Listeners of the server: endpoints, TLS, the PROXY protocol, and the limit on connections.

Imports `sellia.server.limiter`, settings and the lower rooms.
"""
