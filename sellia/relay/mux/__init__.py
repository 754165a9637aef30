"""Multiplexing: sessions, streams, flow control, and the schedule by which they share a link.

Pure.  Imports `sellia.protocol` and `sellia.relay.limits`.
"""
