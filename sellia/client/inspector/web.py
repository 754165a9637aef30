"""HTTP of the inspector: twisted.web's channel and request, with the guard in front and a bound for bodies.

Loaded when somebody first connects (:mod:`~sellia.client.inspector.door`).  twisted.web's Site and its Resources are
left out: they parse forms, keep sessions, and know pages for errors that show what is theirs.
"""

from collections.abc import Awaitable
from inspect import isawaitable
from io import BytesIO
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import RESPONSES, HTTPChannel, Request

from sellia.client.inspector.answers import Answer, ApiError, problem
from sellia.client.inspector.guard import Asked, Guard, Refusal
from sellia.client.inspector.table import Result
from sellia.protocol.messages import Headers
from sellia.relay.http.page_policy import FIELDS
from sellia.relay.secrets import challenge

#: Connections at once.
CONNECTIONS: Final = 64

#: Bytes of a request's body, and of the body of a request whose head shows no token.
BODY_LIMIT: Final = 64 * 1024 * 1024
STRANGER_LIMIT: Final = 256 * 1024

#: Seconds without a byte until a connection that waits for a request is closed.
IDLE: Final = 120

_log = Logger()


class Pages(Protocol):
    """What is served to whoever is admitted."""

    guard: Guard

    def is_page(self, path: bytes) -> bool:
        """Return whether a path is one of a page, which may be opened from elsewhere, and not of the API."""

    def serve(self, request: "InspectorRequest") -> "Result | Awaitable[Result] | None":
        """Return what answers a request; None where the request was taken over.  Raises ApiError."""

    def welcome(self, request: "InspectorRequest") -> Answer | None:
        """Return what answers the request for a page by the URL with the token."""


class _Body(BytesIO):
    """Body of a request, of which what is beyond the limit is dropped."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._room = limit
        self.exceeded = False

    def write(self, data: Any, /) -> int:
        self._room -= len(data)
        if self._room < 0:
            self.exceeded = True
            return len(data)
        return super().write(data)


class InspectorRequest(Request):
    """One request.  ``token`` is what its query shows, ``query`` the rest of that."""

    channel: Any
    content: Any
    token: bytes | None = None
    query: bytes = b""

    def gotLength(self, length: int | None) -> None:
        """Prepare for the body, which is bounded before anything else is known."""
        knows = self.channel.pages.guard.knows(Asked(b"", self.fields()))
        self.content = _Body(BODY_LIMIT if knows else STRANGER_LIMIT)

    def fields(self) -> Headers:
        """Return the header fields."""
        return [(name, value) for name, values in self.requestHeaders.getAllRawHeaders() for value in values]

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
        """Answer: the whole request is there."""
        self.method, self.uri, self.clientproto = command, path, version
        self.path, _, query = path.partition(b"?")
        parts = []
        for part in query.split(b"&") if query else ():
            if part.startswith(b"token="):
                self.token = part[6:]
            else:
                parts.append(part)
        self.query = b"&".join(parts)
        self.process()

    def process(self) -> None:
        """Check, serve, answer."""
        pages: Pages = self.channel.pages
        page = pages.is_page(self.path)
        asked = Asked(self.method, self.fields(), self.token, page, self.upgrades)
        try:
            pages.guard.admit(asked, self.channel.clock.seconds())
            if self.content.exceeded:
                raise ApiError(413, "long-body", f"The body is longer than {BODY_LIMIT >> 20} MiB.")
            opened = page and self.token is not None and not self.upgrades
            welcome = pages.welcome(self) if opened else None
            self._take(welcome or pages.serve(self))
        except Refusal as refusal:
            self.refuse(refusal)
        except ApiError as error:
            self.answer(problem(error.status, error.code, str(error)))
        except Exception:
            self._defect(Failure())

    @property
    def upgrades(self) -> bool:
        """Whether it asks for a WebSocket."""
        return any(value.strip().lower() == b"websocket" for value in self.requestHeaders.getRawHeaders(b"upgrade", ()))

    @property
    def body(self) -> bytes:
        """The request's body."""
        value: bytes = self.content.getvalue()
        return value

    def refuse(self, refusal: Refusal) -> None:
        """Answer a request that was not admitted, without a word about what there would be."""
        headers: dict[bytes, bytes] = {}
        if refusal.status == 401:
            schemes = challenge("Sellia inspector") if self.channel.pages.guard.has_password else b"Bearer"
            headers[b"WWW-Authenticate"] = schemes
        self.answer(problem(refusal.status, refusal.code, str(refusal), headers))

    def _take(self, result: "Result | Awaitable[Result] | None") -> None:
        if result is None:
            return
        if not isawaitable(result):
            self._finish(result)
            return

        async def wait() -> Result:
            found: Result = await result
            return found

        pending: Deferred[Result] = Deferred.fromCoroutine(wait())
        lost = self.notifyFinish()
        lost.addErrback(lambda _: pending.cancel())
        pending.addCallbacks(self._finish, self._failed)
        pending.addErrback(self._defect)

    def _failed(self, failure: Failure) -> None:
        error = failure.value
        if not self._gone:
            if isinstance(error, ApiError):
                self.answer(problem(error.status, error.code, str(error)))
            else:
                self._defect(failure)

    def _defect(self, failure: Failure) -> None:
        _log.failure("a request to the inspector failed because of a mistake in it", failure=failure)
        if not self._gone and not self.startedWriting:
            self.answer(problem(500, "internal", "The inspector has a defect; the client's log says more."))

    @property
    def _gone(self) -> bool:
        return self.channel is None or bool(self.finished)

    def _finish(self, result: Any) -> None:
        if self._gone:
            return
        if isinstance(result, Answer):
            self.answer(result)
        else:
            result.begin(self)

    def answer(self, answer: Answer) -> None:
        """Send a whole answer."""
        if self._gone:
            return
        self.begin(answer.status, answer.type, answer.headers)
        if answer.status != 204:
            self.setHeader(b"Content-Length", b"%d" % len(answer.body))
        self.write(b"" if self.method == b"HEAD" else answer.body)
        self.finish()

    def begin(self, status: int, type: bytes, headers: dict[bytes, bytes]) -> None:
        """Set the head of the answer."""
        self.setResponseCode(status, RESPONSES.get(status, b"Answer"))
        for name, value in FIELDS:
            self.setHeader(name, value)
        if status != 204:
            self.setHeader(b"Content-Type", type)
        for name, value in headers.items():
            self.setHeader(name, value)


class InspectorChannel(HTTPChannel):
    """One connection."""

    totalHeadersSize = 65536
    requestFactory = InspectorRequest

    def __init__(self, factory: "InspectorFactory") -> None:
        super().__init__()
        self.pages = factory.pages
        self.clock = factory.clock
        self._open = factory.open
        self.timeOut = IDLE
        self.callLater = factory.clock.callLater  # type: ignore[method-assign]  # as twisted.web's own factory does

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]  # HTTPChannel takes any
        self._open.discard(self)
        super().connectionLost(reason)


class InspectorFactory(Factory):
    """Makes the connections of one inspector; ``open`` are those that are there."""

    noisy = False

    def __init__(self, pages: Pages, clock: Any) -> None:
        self.pages = pages
        self.clock = clock
        self.open: set[InspectorChannel] = set()

    def buildProtocol(self, addr: IAddress | None) -> InspectorChannel | None:
        """Return a connection, or None where there are as many as may be."""
        if len(self.open) >= CONNECTIONS:
            return None
        channel = InspectorChannel(self)
        self.open.add(channel)
        return channel
