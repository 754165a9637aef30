"""Cautions about mixed content (`sellia.inspector.mixed_content`): one for each tunnel that is public over https.

They come with the inspector, for it has the pages; without it nobody looks.
"""

from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

from sellia.client.events import Problem
from sellia.inspector.capture import SessionCapture
from sellia.inspector.exchange import Exchange
from sellia.text import shown_target
from sellia.transports.reactor.causes import tell_cause
from sellia.why.cause import cause_id
from sellia.why.exchange import mixed_content


class MixedContent:
    """What one client's tunnels have been told of mixed content."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._told: WeakSet[Any] = WeakSet()

    def look(self, client: Any, capture: SessionCapture, stream_id: int, exchange: Exchange) -> None:
        """Look at a response that has passed whole; the first of a tunnel that names such an address is told."""
        if exchange.origin != "visitor" or exchange.cause is not None:
            return
        owner = client.session
        tunnel = owner.tunnels.find(exchange.tunnel)
        if tunnel is None or tunnel in self._told or not tunnel.url.startswith("https:"):
            return
        from sellia.inspector.mixed_content import insecure_address

        hosts = {(urlsplit(url).hostname or "").encode() for url in (tunnel.url, *tunnel.more)}
        address = insecure_address(exchange, sorted(hosts))
        if not address:
            return
        self._told.add(tunnel)
        session = owner.session
        id = cause_id(session.name if session is not None else "", stream_id)
        cause = mixed_content(id, shown_target(exchange.target), address)
        tell_cause(self._clock, cause, exchange.tunnel)
        capture.explained(stream_id, cause)
        owner.report(Problem(cause.sentence, exchange.tunnel, caution=True, cause=cause))
