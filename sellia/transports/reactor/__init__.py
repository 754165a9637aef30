"""What the other rooms ask of the reactor and of sockets: batching, polling, waiting, socket options.

Imports nothing of Sellia but `sellia.text` and `sellia.relay.limits`.
"""
