"""A terminal that is emulated, and a client with which something happens, for the tests of the status block."""

from typing import Any

import pyte

from sellia.cli.screen.status import Status
from sellia.client.events import (
    Connected,
    RequestFinished,
    RequestStarted,
    WebSocketClosed,
    WebSocketOpened,
)

URL = "https://myapp.tunnel.example.com"
TARGET = "http://localhost:5173"


class EmulatedTerminal:
    """What `Terminal` is to a screen, over pyte, which says what a person sees."""

    encoding = "utf-8"

    def __init__(self, width: int = 80, height: int = 24) -> None:
        self.size = width, height
        self.emulator = pyte.HistoryScreen(width, height, history=1000)
        self._stream = pyte.Stream(self.emulator)
        self.written: list[str] = []
        self.busy = False
        self.foreground = True
        self.closed = False

    def write(self, text: str) -> None:
        self.written.append(text)
        self._stream.feed(text.replace("\n", "\r\n"))

    def close(self) -> None:
        self.closed = True

    def resize(self, width: int, height: int) -> None:
        """Change the size, as a terminal does that moves nothing to other lines."""
        self.size = width, height
        self.emulator.resize(height, width)

    @property
    def shown(self) -> list[str]:
        """The rows that are not empty at the end."""
        rows = [row.rstrip() for row in self.emulator.display]
        while rows and not rows[-1]:
            del rows[-1]
        return rows

    @property
    def scrolled(self) -> list[str]:
        """The rows that have left the screen at its top."""
        width = self.size[0]
        return ["".join(row[at].data for at in range(width)).rstrip() for row in self.emulator.history.top]


def visit(taker: Any, number: int = 1, seconds: float = 0.012, target: str = "/", tunnel: str = "myapp") -> None:
    """Have a visitor make a request."""
    taker.notify(RequestStarted(number, "GET", target, "203.0.113.7", tunnel))
    taker.notify(RequestFinished(number, "GET", target, 200, seconds, 10, 2048, None, tunnel))


def busy_status() -> Status:
    """The status of a client of one tunnel with some traffic."""
    status = Status(server="tunnel.example.com", keys=True)
    status.notify(Connected("myapp", URL, TARGET))
    status.round_trip = 0.0123
    for number in range(1, 1235):
        visit(status, number, 0.080 if number % 10 == 0 else 0.012)
    for number in range(2000, 2003):
        status.notify(WebSocketOpened(number, "/ws", "203.0.113.7", None, "myapp"))
    status.notify(WebSocketClosed(2002, "/ws", "visitor", 1000, "", 5, 1 << 20, 7, 30 << 20, 60.0, "myapp"))
    return status
