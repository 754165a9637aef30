"""What the tests of the inspector's site are written with: a site in memory, and a browser or script that asks it."""

import json
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.inspector.guard import Guard
from sellia.client.inspector.pages import InspectorPages
from sellia.client.inspector.web import InspectorChannel, InspectorFactory
from sellia.inspector.decode.sockets import Readers
from sellia.inspector.exchange import Exchange, new_exchange
from sellia.inspector.store import Store

HOST = "127.0.0.1:4040"
BEARER = {"Authorization": "Bearer t0ken"}
COOKIE = {"Cookie": "sellia_inspector_4040=t0ken", "Origin": f"http://{HOST}"}


class Transport(StringTransport):
    """A connection to the site."""

    aborted = False

    def abortConnection(self) -> None:
        self.aborted = True

    def setTcpNoDelay(self, on: bool) -> None:
        """Nothing."""


class Told:
    """An answer: its status, its fields by lower-case name, its body."""

    def __init__(self, data: bytes) -> None:
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.body = dechunked(body) if self.headers.get("transfer-encoding") == "chunked" else body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The stable code of a problem."""
        return str(self.json["error"])


def dechunked(data: bytes) -> bytes:
    """The content of chunks, as far as it has come."""
    found = b""
    while data:
        size, _, rest = data.partition(b"\r\n")
        length = int(size, 16)
        if not length:
            break
        found += rest[:length]
        data = rest[length + 2 :]
    return found


class Subject:
    """What is inspected in a test that needs no client."""

    read_only = ""

    def __init__(self, clock: Any) -> None:
        self.store = Store()
        self.clock = clock
        self.streams: set[Any] = set()
        self.readers = Readers()
        self.causes: dict[str, dict[str, Any]] = {}

    def status(self) -> dict[str, Any]:
        return {"version": "1"}

    def tunnels(self) -> list[dict[str, Any]]:
        return []

    def held(self) -> Any:
        return {"holds": [], "held": []}

    def cause(self, id: str) -> dict[str, Any] | None:
        return self.causes.get(id)


class SiteCase(SynchronousTestCase):
    """A site with a store that the test fills."""

    password: str | None = None

    def setUp(self) -> None:
        self.clock = MemoryReactorClock()
        self.subject: Any = self.make_subject()
        self.store: Store = self.subject.store
        self.factory = InspectorFactory(
            InspectorPages(Guard("t0ken", 4040, password=self.password), self.subject), self.clock
        )

    def make_subject(self) -> Any:
        return Subject(self.clock)

    def connect(self) -> tuple[InspectorChannel, Transport]:
        """A new connection."""
        channel = self.factory.buildProtocol(None)
        assert channel is not None
        transport = Transport()
        channel.makeConnection(transport)
        return channel, transport

    def raw(self, data: bytes) -> bytes:
        """What is answered to these bytes on a new connection, which is closed then."""
        channel, transport = self.connect()
        channel.dataReceived(data)
        told: bytes = transport.value()
        channel.connectionLost(Failure(ConnectionDone()))
        return told

    def ask(
        self, path: str, method: str = "GET", body: Any = None, headers: dict[str, str] | None = None, **more: str
    ) -> Told:
        """What is answered to a request, by a script that knows the token."""
        return Told(self.raw(request(path, method, body, BEARER if headers is None else headers, **more)))

    def exchange(self, **values: Any) -> Exchange:
        """An exchange in the store, by default a GET that was answered."""
        known = {"method": b"GET", "target": b"/", "status": 200, "started": 1.0, "ended": 2.0, **values}
        made = new_exchange(self.store.next_number(), known.pop("kind", "http"), **known)
        self.store.add(made)
        return made


def request(path: str, method: str, body: Any, headers: dict[str, str], **more: str) -> bytes:
    """The bytes of a request; ``more`` are further fields, with ``_`` for ``-``."""
    fields = {"Host": HOST, **headers, **{name.replace("_", "-"): value for name, value in more.items()}}
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    if data or method == "POST":
        fields.setdefault("Content-Type", "application/json")
        fields["Content-Length"] = str(len(data))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + data
