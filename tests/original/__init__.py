"""
The original Sellia as a peer: a client and a server that speak its dialect, written from what was seen on the wire.

Nothing here is made of Sellia's own code, so that a mistake of ours cannot hide behind itself. ``wire`` spells the
messages, ``quirks`` names what the originals do oddly, ``client`` and ``server`` are the two programs, each over real
sockets in a process of its own, and ``peers`` starts them. They do what the recordings in ``recordings`` show; where
these are silent, the docstrings say what was assumed.
"""
