"""The link: one WebSocket between client and server that carries a session's messages, and its liveness.

Imports `sellia.protocol`, `sellia.relay`, `sellia.transports.websocket.pipe` and `sellia.transports.reactor`.
"""
