"""Notices to a tunnel's client about requests that the server has refused before any of them reached the client.

Without them the owner of a service would not see why a webhook does not arrive.  Whoever is refused can come again at
once, and often, so a session has a few notices, and each says how many before it were not sent.

Bounds: ``NOTICES`` for a session, none while its link is away; a notice repeats at most ``SHOWN`` bytes of a target.
"""

from typing import Any, Final

import msgspec

from sellia.protocol.messages import Notice
from sellia.relay.limits.token_bucket import Bucket, Rate
from sellia.relay.registry import Tunnel
from sellia.text import printable

#: Notices of one session.
NOTICES: Final = Rate(10, 0.5)

#: Bytes of a target, and characters of a sentence, in one.
SHOWN: Final = 1024


class Notices:
    """Those of one session."""

    __slots__ = ("_bucket", "_untold")

    def __init__(self) -> None:
        self._bucket = Bucket(NOTICES)
        self._untold = 0

    def suppressed(self, now: float) -> int | None:
        """One more is due: how many before it were not sent, or None if it is not to be sent either."""
        if self._bucket.take(now):
            self._untold += 1
            return None
        suppressed, self._untold = self._untold, 0
        return suppressed


def tell_owner(tunnel: "Tunnel[Any]", notice: Notice, now: float) -> None:
    """Tell the tunnel's client of a request that was refused; ``notice`` needs no number of the tunnel."""
    session = tunnel.session.session
    if not session.attached:
        return
    suppressed = tunnel.session.notices.suppressed(now)
    if suppressed is None:
        return
    session.say(
        msgspec.structs.replace(
            notice,
            tunnel=tunnel.tunnel_id,
            method=printable(notice.method, 32),
            target=notice.target[:SHOWN],
            message=printable(notice.message, SHOWN),
            suppressed=suppressed,
        )
    )
