"""The original dialect as a peer of our own: a session on this side of it, the original's messages on the other.

Nothing outside of this room knows of the dialect.  A link that speaks it is joined to a *counterpart*, a second session
in this process that stands for the peer as if it were native: what our session says to it is told to the peer in the
peer's words, and what the peer says opens, feeds and ends streams as a native peer would.
"""
