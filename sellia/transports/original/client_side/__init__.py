"""Role of the client towards a server that speaks the original dialect.

Imports `sellia.protocol`, `sellia.relay` and its neighbours in `sellia.transports`.
"""
