"""Gate of a WebSocket's leg: what may take its frames out of the way for a while, and hand them back later.

A leg without one pays for one look at an attribute per frame.  A gate that hands frames back takes itself off the leg
meanwhile, calls the same methods of the leg that it was asked from, and puts itself on again.
"""

from typing import Protocol


class Gate(Protocol):
    """What is asked before a data frame or a close frame passes; ``to_socket`` says which way it goes.

    Each answer says whether the frame was taken: then the leg does nothing with it, and does not tell of it.  A frame
    that was begun is continued by the same answer.
    """

    def frame(self, to_socket: bool, first: int, payload: bytes) -> bool:
        """Ask about a whole frame."""

    def begun(self, to_socket: bool, first: int, length: int) -> bool:
        """Ask about a data frame whose payload comes in pieces."""

    def continued(self, to_socket: bool, payload: bytes) -> bool:
        """Ask about the next piece of it."""

    def over(self) -> None:
        """Hand everything back at once: one of the sides is gone."""
