"""What a browser adds to a request by itself: its cookie, and where the request comes from.

A request that a cookie admits must come from the admin page, since a browser sends cookies with what any page asks
for: what changes something must name the page's own origin (``Origin``), and ``Sec-Fetch-Site``, where there is one,
must not name another.  ``SameSite=Strict`` alone is not enough, because all ports of a host are one site.
"""

from typing import Final

from twisted.web.server import Request

from sellia.errors import ProblemError
from sellia.problems import FORBIDDEN
from sellia.relay.http.headers import cookie_of
from sellia.server.admin.site import address_of

_OWN_SITES: Final = (b"same-origin", b"none")


class Browser:
    """Whoever sends a request, as far as that is a browser's doing."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self.address = address_of(request)
        #: Cookies know no ports, and so the port is in its name.
        self.cookie_name = f"sellia_admin_{getattr(request.getHost(), 'port', 0)}"

    @property
    def token(self) -> str | None:
        """The token of its cookie."""
        token = cookie_of(self._fields(b"cookie"), self.cookie_name.encode())
        return token.decode("latin-1") if token is not None else None

    def check_origin(self, *, needed: bool) -> None:
        """Refuse a request of another page's; with ``needed``, one that does not say whose it is as well.

        Raises ProblemError.
        """
        hosts, origins = self._fields(b"host"), self._fields(b"origin")
        own = [b"http://" + hosts[0], b"https://" + hosts[0]] if len(hosts) == 1 else []
        if any(each not in own for each in origins) or any(
            each not in _OWN_SITES for each in self._fields(b"sec-fetch-site")
        ):
            raise ProblemError(FORBIDDEN, "The request comes from a page that is not the admin page.")
        if needed and len(origins) != 1:
            raise ProblemError(FORBIDDEN, "The request does not say which page it comes from (Origin).")

    def cookie(self, token: str, seconds: float) -> bytes:
        """Return the value of Set-Cookie that gives it a token; of none, what takes it away."""
        secure = "; Secure" if self._request.isSecure() else ""
        return (
            f"{self.cookie_name}={token}; Path=/; Max-Age={int(seconds)}; HttpOnly; SameSite=Strict{secure}"
        ).encode()

    def _fields(self, name: bytes) -> list[bytes]:
        return list(self._request.requestHeaders.getRawHeaders(name) or [])
