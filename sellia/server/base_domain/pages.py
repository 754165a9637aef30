"""Pages of the base domain: what runs here and how to connect, and whether it is well."""

import json
from collections.abc import Callable
from html import escape
from http import HTTPStatus
from io import BytesIO
from typing import Any, Final

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request, Site
from twisted.web.static import NoRangeStaticProducer

from sellia.problems import METHOD_NOT_ALLOWED, NO_SUCH_PAGE, RETRY_AFTER_SECONDS, UPGRADE_REQUIRED, Problem
from sellia.relay.http.error_responses import answer
from sellia.relay.http.hosts import public_url
from sellia.server.base_domain.api import PREFIX, Api
from sellia.server.base_domain.offer import Offer, WhenBuilt
from sellia.server.base_domain.wheel import Wheel
from sellia.server.settings import ServerSettings

_FRAME: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem; }}
pre {{ padding: .8rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere;
  border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: .4rem; }}
code {{ overflow-wrap: anywhere; }}
</style></head><body>
<h1>{title}</h1>
{body}
</body></html>
"""

_LANDING: Final = """<p>This is a <strong>Sellia</strong> server. It gives services on people's own machines a public
address: HTTP, WebSockets and all.</p>
<p>To put what listens on your port 8080 at <code>{example}</code>:</p>
<pre>{install}{login}sellia http 8080 -s myapp --server {url}</pre>
{note}"""

_CLIENT: Final = """<p>Install the <code>sellia</code> command, in the version that this server runs, with pipx:</p>
<pre>pipx install {url}</pre>
<p>Or with pip, in a virtual environment:</p>
<pre>pip install {url}</pre>
<p>It is a wheel, <a href="{name}">{name}</a> ({size} KiB), for Python 3.11 and newer. Its SHA-256 is
<code>{sha256}</code></p>
<p><a href="../">Open a tunnel</a></p>"""

_NO_CLIENT: Final = "<p>The client is the program <code>sellia</code>: ask whoever runs this server for it.</p>"
_NEEDS: Final = (
    '<p><code>pipx</code> is in the packages of most systems. <a href="client/">More about the client.</a></p>'
)


#: Prefix of the client's pages.
_CLIENT_PATH: Final = b"/client/"


class _Page(Resource):
    """Page in one form, for GET and HEAD; other methods get an error."""

    isLeaf = True

    def __init__(self, render: Callable[[], tuple[bytes, bytes]]) -> None:
        super().__init__()
        self._render = render
        self._other = _ProblemPage(METHOD_NOT_ALLOWED, allow=b"GET, HEAD")

    def render(self, request: Request) -> Any:
        return self.render_GET(request) if request.method in (b"GET", b"HEAD") else self._other.render(request)

    def render_GET(self, request: Request) -> Any:
        kind, body = self._render()
        request.setHeader(b"Content-Type", kind)
        request.setHeader(b"Cache-Control", b"no-store")
        request.setHeader(b"X-Content-Type-Options", b"nosniff")
        if request.method == b"HEAD":
            # twisted.web takes the body away by itself, but writes a line into the log for each.
            request.setHeader(b"Content-Length", b"%d" % len(body))
            return b""
        return body


class _Download(_Page):
    """Download of the wheel, piece by piece at the visitor's pace."""

    def __init__(self, wheel: Wheel) -> None:
        super().__init__(lambda: (b"application/zip", b""))
        self._data = wheel.data

    def render_GET(self, request: Request) -> Any:
        super().render_GET(request)
        request.setHeader(b"Content-Length", b"%d" % len(self._data))
        if request.method == b"HEAD":
            return b""
        NoRangeStaticProducer(request, BytesIO(self._data)).start()
        return NOT_DONE_YET


class _Ready(_Page):
    """Readiness for load balancers: 200, or 503 while the server drains."""

    def __init__(self, draining: Callable[[], bool]) -> None:
        super().__init__(lambda: (b"text/plain; charset=utf-8", b"draining\n" if draining() else b"ready\n"))
        self._draining = draining

    def render_GET(self, request: Request) -> Any:
        if self._draining():
            request.setResponseCode(503, b"Service Unavailable")
            request.setHeader(b"Retry-After", b"%d" % RETRY_AFTER_SECONDS)
        return super().render_GET(request)


class _ProblemPage(Resource):
    """Error answer as a page."""

    isLeaf = True

    def __init__(self, problem: Problem, allow: bytes | None = None) -> None:
        super().__init__()
        self._problem = problem
        self._allow = allow

    def render(self, request: Request) -> bytes:
        accept = request.getHeader(b"accept") or b""
        response = answer(
            self._problem,
            accept=accept,
            target=request.uri,
            cross_origin=request.requestHeaders.hasHeader(b"origin"),
        )
        request.setResponseCode(response.status, HTTPStatus(response.status).phrase.encode())
        for name, value in response.headers:
            request.setHeader(name, value)
        if self._allow is not None:
            request.setHeader(b"Allow", self._allow)
        return response.body if request.method != b"HEAD" else b""


class BaseDomainPages(Resource):
    """Tree of ``/``, ``/client/``, ``/api/``, ``/health``, ``/ready``, and the gateway's path without an upgrade."""

    def __init__(
        self,
        settings: ServerSettings,
        health: Callable[[], dict[str, Any]],
        port: Callable[[], int],
        api: Api,
        offer: Offer,
    ) -> None:
        super().__init__()
        self._api = api
        self._offer = offer
        #: Settings of the server, which may be replaced.
        self.settings = settings
        self._port = port
        self._health = health
        self._pages: dict[bytes, Resource] = {
            b"/": _Page(self._landing),
            b"/health": _Page(self._health_page),
            b"/ready": _Ready(lambda: bool(health().get("draining"))),
            settings.gateway_path.encode(): _ProblemPage(UPGRADE_REQUIRED),
        }
        self._none = _ProblemPage(NO_SUCH_PAGE)
        #: What else is served, by the beginnings of its paths.
        self.others: dict[bytes, Resource] = {}

    def getChild(self, path: bytes, request: Request) -> Resource:
        for prefix, resource in self.others.items():
            if request.path.startswith(prefix):
                return resource
        if request.path.startswith(PREFIX):
            return self._api
        of_client = request.path.startswith(_CLIENT_PATH)
        names_client = of_client or (request.path == b"/" and request.method in (b"GET", b"HEAD"))
        if names_client and self.settings.offer_client and not self._offer.built:
            return WhenBuilt(self._offer, lambda: self.getChild(path, request))
        if of_client:
            self._add_client()
        return self._pages.get(request.path, self._none)

    @property
    def _wheel(self) -> Wheel | None:
        """Wheel of what this server runs, if that is offered and could be built."""
        return self._offer.wheel if self.settings.offer_client else None

    def _add_client(self) -> None:
        wheel = self._wheel
        if wheel is not None and _CLIENT_PATH not in self._pages:
            self._pages[_CLIENT_PATH] = _Page(self._client)
            self._pages[_CLIENT_PATH + wheel.name.encode()] = _Download(wheel)

    def _client(self) -> tuple[bytes, bytes]:
        assert self._wheel is not None
        name = self._wheel.name
        body = _CLIENT.format(
            name=name, size=len(self._wheel.data) // 1024, sha256=self._wheel.sha256, url=escape(self._wheel_url)
        )
        return _html("The Sellia client", body)

    @property
    def _wheel_url(self) -> str:
        assert self._wheel is not None
        settings = self.settings
        base = public_url(None, settings.domain, self._port(), settings.https)
        return f"{base}{_CLIENT_PATH.decode()}{self._wheel.name}"

    def _landing(self) -> tuple[bytes, bytes]:
        settings = self.settings
        port = self._port()
        url = public_url(None, settings.domain, port, settings.https)
        body = _LANDING.format(
            url=escape(url),
            example=escape(public_url("myapp", settings.domain, port, settings.https)),
            install=f"pipx install {escape(self._wheel_url)}\n" if self._wheel is not None else "",
            note=_NEEDS if self._wheel is not None else _NO_CLIENT,
            login=f"sellia auth login --server {escape(url)}\n" if settings.key_required else "",
        )
        return _html("Sellia", body)

    def _health_page(self) -> tuple[bytes, bytes]:
        health = self._health()
        status = "draining" if health.pop("draining", False) else "ok"
        body = {"status": status, **health}
        return b"application/json", json.dumps(body).encode() + b"\n"


def _html(title: str, body: str) -> tuple[bytes, bytes]:
    """Content-Type and bytes of a page; ``title`` and ``body`` are HTML."""
    return b"text/html; charset=utf-8", _FRAME.format(title=title, body=body).encode()


def base_site(
    settings: ServerSettings, health: Callable[[], dict[str, Any]], port: Callable[[], int], api: Api, offer: Offer
) -> Site:
    """Return the Site that serves the base domain, without a log of its own."""
    site = Site(BaseDomainPages(settings, health, port, api, offer))
    site.displayTracebacks = False
    return site
