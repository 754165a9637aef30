"""Reactor and sockets, as the other rooms use them: batching, polling, waiting, socket options.

Imports nothing of Sellia but `sellia.text` and `sellia.relay.limits`.
"""
