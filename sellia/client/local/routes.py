"""Routes of one tunnel: which of its services a stream goes to.

Today a tunnel has one service, and every stream goes there.  Routing by path is to be added here, and nowhere else:
a session asks :meth:`Routes.service_for` once for each stream, and tells all services what concerns all of them.
"""

from collections.abc import Iterator

from sellia.client.local.service import LocalService
from sellia.protocol.messages import Opening


class Routes:
    """The services of one tunnel, which is what the session knows of them."""

    __slots__ = ("_service",)

    def __init__(self, service: LocalService) -> None:
        self._service = service

    def __iter__(self) -> Iterator[LocalService]:
        """Every service once."""
        yield self._service

    def service_for(self, opening: Opening) -> LocalService:
        """Return the service that a stream with this opening goes to."""
        return self._service
