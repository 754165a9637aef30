"""A server that speaks the original dialect, as this client sees it.

Imports `sellia.protocol`, `sellia.relay` and its neighbours in `sellia.transports`.
"""
