"""Local services: dialing, pooled connections, and the legs that serve visitors' streams, by kind of tunnel.

Imports `sellia.client.events`, `sellia.client.tls` and the lower rooms.
"""
