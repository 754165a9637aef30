"""Who is admitted to the inspector: by the host asked for, where a browser's request comes from, and what is shown.

Pure: one decision for each head of a request.

What is looked at, in this order
    1. ``Host``: localhost, a loopback address, or a name that the settings list; any address too where the inspector
       listens on more than loopback, because DNS rebinding needs a name.
    2. ``Origin``, where there is one: only the inspector's own.  ``Sec-Fetch-Site``, where there is one: nothing from
       another site, nor from another port of this host, but for somebody who follows a link to the page.
    3. The token, in ``Authorization: Bearer``, in ``?token=``, or in the cookie that the page was given; or the
       password, by basic authentication with any user name.
    4. What changes something, and what opens a WebSocket, must bring an ``Origin`` if a cookie or a password admitted
       it: these a browser adds by itself.

Bounds
    ``WRONG`` wrong tokens and passwords; beyond that a password is not even looked at, and others are told to wait.
"""

from dataclasses import dataclass
from typing import Final

from sellia.protocol.messages import Headers
from sellia.relay.http.headers import cookie_of
from sellia.relay.http.hosts import canonical_host, is_address, is_loopback
from sellia.relay.limits.token_bucket import Bucket, Rate
from sellia.relay.secrets import SecretDigest, parse_authorization

#: Wrong tokens and passwords at once, and in the long run.
WRONG: Final = Rate(20, 1.0)

#: Methods that change nothing (RFC 9110, 9.2.1).
_SAFE: Final = frozenset((b"GET", b"HEAD"))


class Refusal(Exception):
    """A request is refused with a status, a stable code and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Asked:
    """Head of a request, as far as it decides.  ``token`` is that of its query; ``page``: it asks for a page."""

    method: bytes
    headers: Headers
    token: bytes | None = None
    page: bool = False
    websocket: bool = False


class Guard:
    """Decides for one inspector.  ``port`` is part of the cookie's name: cookies know no ports.

    ``wide``: it listens on more than loopback.  ``codes`` admit to the page once each, until a moment.
    """

    def __init__(
        self,
        token: str,
        port: int,
        *,
        password: str | None = None,
        hosts: tuple[str, ...] = (),
        wide: bool = False,
        codes: dict[str, float] | None = None,
    ) -> None:
        self._token = SecretDigest(token)
        self._password = SecretDigest(password) if password is not None else None
        self._hosts = frozenset(hosts)
        self._wide = wide
        self._codes = codes if codes is not None else {}
        self._wrong = Bucket(WRONG)
        self._name = f"sellia_inspector_{port}".encode()
        #: Value of Set-Cookie for a page that was opened with the token.
        self.cookie = b"%b=%b; Path=/; HttpOnly; SameSite=Strict" % (self._name, token.encode())

    @property
    def has_password(self) -> bool:
        """Whether a password admits as well."""
        return self._password is not None

    def knows(self, asked: Asked) -> bool:
        """Return whether the head shows the right token, whatever else is wrong with the request."""
        shown = (_bearer(asked.headers), asked.token, self._of_cookie(asked.headers))
        return any(each is not None and self._token.matches(each) for each in shown)

    def is_token(self, shown: bytes) -> bool:
        """Return whether this is the token."""
        return self._token.matches(shown)

    def admit(self, asked: Asked, now: float) -> None:
        """Return if the request is admitted.  Raises Refusal."""
        host = self._check_host(asked.headers)
        origins = fields(asked.headers, b"origin")
        if origins and origins != [b"http://" + host] and origins != [b"https://" + host]:
            raise Refusal(403, "foreign-origin", "The request comes from a page that is not the inspector's.")
        self._check_site(asked)
        by_itself = self._check_secret(asked, now)
        if by_itself and not origins and (asked.websocket or asked.method not in _SAFE):
            raise Refusal(403, "no-origin", "The request does not say which page it comes from (Origin).")

    def _check_host(self, headers: Headers) -> bytes:
        values = fields(headers, b"host")
        try:
            host = canonical_host(values)
        except ValueError as error:
            raise Refusal(400, "unusable-host", f"The Host field cannot be used: {error}.") from None
        bare = host.removeprefix("[").removesuffix("]")
        known = host == "localhost" or host in self._hosts or (is_address(host) and (self._wide or is_loopback(bare)))
        if not known:
            message = "The inspector is not opened by this name: use 127.0.0.1, or list the name in inspector.hosts."
            raise Refusal(403, "foreign-host", message)
        return values[0]

    def _check_site(self, asked: Asked) -> None:
        site = fields(asked.headers, b"sec-fetch-site")
        if all(each in (b"same-origin", b"none") for each in site):
            return
        followed = fields(asked.headers, b"sec-fetch-mode") == [b"navigate"] and asked.method in _SAFE
        framed = fields(asked.headers, b"sec-fetch-dest") != [b"document"]
        if framed or not followed or not asked.page:
            raise Refusal(403, "foreign-site", "The request comes from another site than the inspector's page.")

    def _check_secret(self, asked: Asked, now: float) -> bool:
        """Return whether the request shows what a browser adds by itself.  Raises Refusal if it shows nothing right."""
        bearer = _bearer(asked.headers)
        for shown in (bearer, asked.token):
            if shown is not None and self._token.matches(shown):
                return False
        if asked.page and asked.token is not None and self._redeemed(asked.token, now):
            return False
        cookie = self._of_cookie(asked.headers)
        if cookie is not None and self._token.matches(cookie):
            return True
        credentials = parse_authorization(asked.headers) if self._password is not None else None
        if bearer is None and asked.token is None and credentials is None:
            raise Refusal(401, "no-token", _NO_TOKEN)
        if self._wrong.take(now):
            raise Refusal(429, "too-many-guesses", "Too many wrong tokens or passwords: wait a few seconds.")
        if credentials is not None and self._password is not None:
            if self._password.matches(credentials.partition(b":")[2]):
                self._wrong = Bucket(WRONG)
                return True
            raise Refusal(401, "wrong-password", "The password is wrong.")
        raise Refusal(401, "wrong-token", _NO_TOKEN)

    def _redeemed(self, code: bytes, now: float) -> bool:
        """Return whether a code was good for this use, which is its only one."""
        return self._codes.pop(code.decode("latin-1"), 0.0) > now

    def _of_cookie(self, headers: Headers) -> bytes | None:
        return cookie_of(fields(headers, b"cookie"), self._name)


_NO_TOKEN: Final = "The request does not show the token of this run: open the URL that the client has printed."


def fields(headers: Headers, name: bytes) -> list[bytes]:
    """Return the values of all fields of a (lower-case) name, as they are."""
    return [value for each, value in headers if len(each) == len(name) and each.lower() == name]


def _bearer(headers: Headers) -> bytes | None:
    values = fields(headers, b"authorization")
    if len(values) != 1:
        return None
    scheme, _, token = values[0].strip(b" \t").partition(b" ")
    return token.strip(b" ") if scheme.lower() == b"bearer" else None
