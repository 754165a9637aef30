"""Role of the server towards a client that speaks the original dialect.

Imports `sellia.protocol`, `sellia.relay` and its neighbours in `sellia.transports`.
"""
