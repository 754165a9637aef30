"""Notices to a tunnel's client about requests that the server has refused before any of them reached the client.

Without them the owner of a service would not see why a webhook does not arrive.  Whoever is refused can come again at
once, and often, so a session has a few notices, and each says how many before it were not sent.

Bounds: ``NOTICES`` for a session, none while its link is away; a notice repeats at most ``SHOWN`` bytes of a target.
"""

from typing import Final

import msgspec
from twisted.internet.interfaces import IReactorTime

from sellia.problems import problem_of
from sellia.protocol.messages import Notice
from sellia.relay.limits.token_bucket import Bucket, Rate
from sellia.relay.mux.session import Session
from sellia.relay.mux.upstream import Upstream
from sellia.relay.registry import Tunnel
from sellia.text import printable, shown_target
from sellia.transports.reactor.causes import tell_cause
from sellia.why.cause import cause_id
from sellia.why.link import refusal_cause

#: Rate of the notices of one session.
NOTICES: Final = Rate(10, 0.5)

#: Maximum bytes of a target, and characters of a sentence, in a notice.
SHOWN: Final = 1024


class Notices:
    """Rate-limits the notices of one session."""

    __slots__ = ("_bucket", "_clock", "_number", "_untold")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._bucket = Bucket(NOTICES)
        self._untold = self._number = 0

    def send(self, session: Session, notice: Notice, now: float) -> None:
        """Send a notice, shortened, unless the link is away or there were too many."""
        if not session.attached:
            return
        suppressed = self.suppressed(now)
        if suppressed is None:
            return
        self._number += 1
        id = cause_id(session.name, self._number, "n")
        self._tell(id, notice, suppressed)
        session.send_control(
            msgspec.structs.replace(
                notice,
                method=printable(notice.method, 32),
                target=notice.target[:SHOWN],
                message=printable(notice.message, SHOWN),
                suppressed=suppressed,
                id=id,
            )
        )

    def _tell(self, id: str, notice: Notice, suppressed: int) -> None:
        """Tell the log of a refusal, by the id that the client is told."""
        path = shown_target(notice.target[:SHOWN])
        cause = refusal_cause(
            id,
            problem_of(notice.word),
            printable(notice.message, SHOWN),
            status=notice.status or None,
            method=printable(notice.method, 32),
            path=path,
            visitor=notice.visitor,
            suppressed=suppressed or None,
        )
        tell_cause(self._clock, cause, "")

    def suppressed(self, now: float) -> int | None:
        """Count a notice: return how many before it were suppressed, or None to suppress this one."""
        if self._bucket.take(now):
            self._untold += 1
            return None
        suppressed, self._untold = self._untold, 0
        return suppressed


def tell_owner(tunnel: Tunnel[Upstream], notice: Notice, now: float) -> None:
    """Send the tunnel's client a notice of a refused request; the tunnel's number in ``notice`` is filled in."""
    tunnel.upstream.notify(msgspec.structs.replace(notice, tunnel=tunnel.tunnel_id), now)
