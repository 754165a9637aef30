"""The way to a local service: dialing, pooled connections, and the legs that serve the streams of visitors.

Imports `sellia.client.events`, `sellia.client.tls` and the lower rooms.
"""
