"""A client that speaks the original dialect, as this server sees it.

Imports `sellia.protocol`, `sellia.relay` and its neighbours in `sellia.transports`.
"""
