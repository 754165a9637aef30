"""A WebSocket as the leg of a stream: frames pass between a socket and a stream without being assembled.

Imports `sellia.protocol`, `sellia.relay` and `sellia.transports.reactor`.
"""
