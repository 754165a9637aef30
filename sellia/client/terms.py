"""Terms of a welcome: the server's times and limits, checked, and what the user is told of them."""

import math

from sellia.client.events import Problem, Report
from sellia.client.tunnels import Tunnels
from sellia.errors import ProtocolError
from sellia.protocol.messages import Welcome
from sellia.relay.limits.websocket import FrameLimits, as_told


def frame_limits(welcome: Welcome) -> FrameLimits:
    """Return the server's limits for WebSockets.  Raises ProtocolError for times or limits that are none."""
    times = (welcome.ping_interval, welcome.ping_timeout, welcome.resume_window)
    if not all(math.isfinite(each) and each > 0 for each in times):
        raise ProtocolError("a time in welcome is not one")
    ceiling = welcome.limits.request_timeout
    if not (math.isfinite(ceiling) and ceiling >= 0):
        raise ProtocolError("a limit in welcome is not one")
    return as_told(welcome.limits)


class Terms:
    """What the user has been told about links to the server, and the longest timeout that it allows."""

    def __init__(self, report: Report, tunnels: Tunnels) -> None:
        self._report = report
        self._tunnels = tunnels
        self._caveat = ""
        #: Seconds, or 0 as long as that is not known.
        self.ceiling = 0.0

    def tell(self, caveat: str, ceiling: float) -> None:
        """Tell what is special about a link, and of timeouts beyond the server's ``ceiling``; each once."""
        if caveat != self._caveat:
            self._caveat = caveat
            if caveat:
                self._report(Problem(caveat))
        if ceiling and ceiling != self.ceiling:
            self.ceiling = ceiling
            self._tunnels.compare_timeouts(ceiling)
