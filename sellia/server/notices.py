"""Notices to a tunnel's client about requests that the server has refused before any of them reached the client.

Without them the owner of a service would not see why a webhook does not arrive.  Whoever is refused can come again at
once, and often, so a session has a few notices, and each says how many before it were not sent.

Bounds: ``NOTICES`` for a session, none while its link is away; a notice repeats at most ``SHOWN`` bytes of a target.
"""

from typing import Final

import msgspec

from sellia.protocol.messages import Notice
from sellia.relay.limits.token_bucket import Bucket, Rate
from sellia.relay.mux.session import Session
from sellia.relay.mux.upstream import Upstream
from sellia.relay.registry import Tunnel
from sellia.text import printable

#: Rate of the notices of one session.
NOTICES: Final = Rate(10, 0.5)

#: Maximum bytes of a target, and characters of a sentence, in a notice.
SHOWN: Final = 1024


class Notices:
    """Rate-limits the notices of one session."""

    __slots__ = ("_bucket", "_untold")

    def __init__(self) -> None:
        self._bucket = Bucket(NOTICES)
        self._untold = 0

    def send(self, session: Session, notice: Notice, now: float) -> None:
        """Send a notice, shortened, unless the link is away or there were too many."""
        if not session.attached:
            return
        suppressed = self.suppressed(now)
        if suppressed is None:
            return
        session.send_control(
            msgspec.structs.replace(
                notice,
                method=printable(notice.method, 32),
                target=notice.target[:SHOWN],
                message=printable(notice.message, SHOWN),
                suppressed=suppressed,
            )
        )

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
