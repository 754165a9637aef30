"""Terms of a welcome: the server's times and limits, checked."""

import math

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
