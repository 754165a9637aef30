"""Start-up of a process that uses Autobahn: its log level, and a warning where its fast path is missing."""

import txaio
from twisted.logger import Logger

from sellia.transports.websocket.masking import native_masking

_log = Logger()


def prepare_autobahn() -> None:
    """Silence Autobahn's own lines, and warn where masking is slow.  Call it whenever a server or client starts."""
    txaio.use_twisted()
    txaio.set_global_log_level("error")  # type: ignore[attr-defined]  # its debug lines cost more than its work
    if not native_masking():
        _log.warn(
            "Autobahn's native masking (NVX) is missing: large WebSocket frames will be a thousand times slower. "
            "Install autobahn from a wheel, or with a C compiler and cffi."
        )
