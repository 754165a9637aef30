"""Terms of a welcome: the server's times and limits, checked, and what the user is told of them."""

import math

from twisted.logger import Logger

from sellia.client.events import Problem, Report
from sellia.client.settings import GATEWAY_PATH
from sellia.client.tunnels import Tunnels
from sellia.errors import ProtocolError
from sellia.protocol.messages import Welcome
from sellia.relay.limits.websocket import FrameLimits, as_told
from sellia.text import field, printable

_log = Logger()


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

    def tell_moved(self, url: str) -> None:
        """Tell that the server redirects to ``url``, which is followed."""
        secure = "https" + printable(url).removeprefix("wss")
        _log.info("the server redirects to https: url={url}", url=field(secure))
        secure = secure.removesuffix(GATEWAY_PATH)
        self._report(Problem(f"The server redirects to https, and is followed: give --server {secure} from now on."))
