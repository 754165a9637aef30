"""What legs need of the bridge to an original server, and the tunnels that the server has made public."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from sellia.problems import Problem
from sellia.protocol.messages import TunnelOptions
from sellia.protocol.original import messages as original


class OpenTunnelOf(NamedTuple):
    """A tunnel that is public: its number in our session, its id at the server, and how visitors reach it."""

    number: int
    tunnel_id: str
    scheme: bytes
    options: TunnelOptions = TunnelOptions()
    kind: str = "http"


class ServerPeer(Protocol):
    """What a leg asks of its bridge beyond what every bridge has."""

    clock: Any
    #: Bytes that wait for services which have not agreed to their WebSockets yet, of all legs together.
    early: int

    def await_service(self, leg: Any, seconds: float, problem: Problem) -> None:
        """Fail ``leg`` with ``problem`` unless the service has answered in so many seconds."""

    def answered(self, leg: Any) -> None:
        """Wait no longer: the service has answered, or need not."""

    def answer(self, *messages: original.Message) -> None:
        """Send what nobody but the server has given cause to.

        Raises LimitExceeded when the server asks without reading the answers.
        """

    def when_answered(self, call: Callable[[], None]) -> int:
        """Call this when the server has read all that it was sent until now; returns a number for `no_matter`."""

    def no_matter(self, number: int) -> None:
        """Forget a call that `when_answered` was given."""
