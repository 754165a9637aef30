"""Proxies on the way to the server: which URL is dialled through which HTTP proxy, by CONNECT (RFC 9110, 9.3.6).

Need
    In many networks nothing gets out but through a proxy, which programs are told of by ``HTTPS_PROXY``,
    ``HTTP_PROXY`` and ``NO_PROXY``.  These have no standard; here they mean what curl and Go's programs agree on.

Rules
    * The setting ``proxy`` (``--proxy``) counts for every server, ``none`` for no proxy at all; no variable does then.
    * ``HTTPS_PROXY`` counts for https and wss URLs, ``HTTP_PROXY`` for http and ws, each in lower case before upper.
      ``HTTP_PROXY`` in upper case is not read in a CGI program, where it is a visitor's header.
    * No variable counts for a server on loopback, or that ``NO_PROXY`` names: a domain with all below it, an address, a
      network (``10.0.0.0/8``), each also with a port; or ``*``.  Names are not looked up for it.
    * A variable that cannot be used is an error: the traffic might else take a way that it must not take.

A user and a password in a proxy's URL are sent by basic authentication (RFC 7617), and never shown.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

from sellia.errors import SettingsError
from sellia.relay.http.hosts import canonical_domain, is_loopback
from sellia.text import printable

#: Value of the setting that rules out every proxy.
NONE: Final = "none"

#: Hint for a proxy that is none.
WRITE_PROXY: Final = "Write it as http://proxy.example:3128, or http://USER:PASSWORD@proxy.example:3128, or say none."

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Proxy:
    """One HTTP proxy, spoken to over TLS where it is ``secure``; ``place`` is the setting or variable that names it."""

    host: str
    port: int
    secure: bool = False
    #: User and password with a colon between them.
    login: bytes | None = field(default=None, repr=False)
    place: str = ""


@dataclass(frozen=True, slots=True)
class _Exemption:
    """One entry of ``NO_PROXY``; ``port`` is None for all."""

    of: str | _Network
    port: int | None = None

    def covers(self, host: str, address: _Address | None, port: int) -> bool:
        if self.port is not None and self.port != port:
            return False
        if isinstance(self.of, str):
            return address is None and (host == self.of or host.endswith(f".{self.of}"))
        return address is not None and address.version == self.of.version and address in self.of


@dataclass(frozen=True, slots=True)
class Proxies:
    """Proxies by the kind of URL, and who is reached without one."""

    plain: Proxy | None = None
    secure: Proxy | None = None
    #: None: the proxies count for every server, even on loopback.
    exempt: tuple[_Exemption, ...] | None = ()
    nobody: bool = False

    def of_url(self, url: str) -> Proxy | None:
        """Return the proxy through which a server's URL is to be dialled, or None."""
        parts = urlsplit(url)
        secure = parts.scheme in ("https", "wss")
        proxy = self.secure if secure else self.plain
        if proxy is None or self.exempt is None:
            return proxy
        host = (parts.hostname or "").removesuffix(".")
        if self.nobody or is_loopback(host):
            return None
        address, port = _address(host), parts.port or (443 if secure else 80)
        return None if any(each.covers(host, address, port) for each in self.exempt) else proxy


#: No proxy for anybody.
DIRECT: Final = Proxies()


def proxies_of(setting: str | None, environment: Mapping[str, str]) -> Proxies:
    """Return the proxies that the setting names, or else the environment.  Raises SettingsError."""
    if setting is not None:
        proxy = _parsed("--proxy", setting)
        return Proxies(proxy, proxy, None)
    plain = _variable("HTTP_PROXY", environment)
    if plain is not None and plain[0] == "HTTP_PROXY" and "REQUEST_METHOD" in environment:
        plain = None
    secure = _variable("HTTPS_PROXY", environment)
    entries = re.split(r"[,\s]+", (_variable("NO_PROXY", environment) or ("", ""))[1])
    return Proxies(
        _parsed(*plain) if plain is not None else None,
        _parsed(*secure) if secure is not None else None,
        tuple(_exemptions(entries)),
        "*" in entries,
    )


def parse_proxy(text: str, place: str = "--proxy") -> Proxy | None:
    """Return the proxy that a URL or ``HOST:PORT`` means, or None for ``none``.

    Raises ValueError with what is wrong with it, in which nothing of the URL but its scheme is repeated.
    """
    text = text.strip()
    if text.lower() == NONE:
        return None
    try:
        url = urlsplit(text if "://" in text else f"http://{text}")
        port, host = url.port, _host(url.hostname or "")
    except ValueError:
        raise ValueError("is not the URL of a proxy") from None
    if url.scheme.startswith("socks"):
        raise ValueError(f"is a SOCKS proxy ({url.scheme}), and only HTTP proxies are spoken to")
    if url.scheme not in ("http", "https"):
        raise ValueError(f"is not an http or https URL, but {printable(url.scheme, 40)}")
    if url.path not in ("", "/") or url.query or url.fragment or port == 0:
        raise ValueError("must not contain more than a user, a password, a host and a port")
    secure = url.scheme == "https"
    return Proxy(host, port or (443 if secure else 80), secure, _login(url), place)


def _variable(name: str, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the name, as it is spelt, and the value of a variable that is given."""
    spellings = name.lower(), name
    return next(((each, environment[each]) for each in spellings if environment.get(each, "").strip()), None)


def _parsed(place: str, text: str) -> Proxy | None:
    try:
        return parse_proxy(text, place)
    except ValueError as error:
        raise SettingsError(f"{place}: {error}", f"{WRITE_PROXY} --proxy none goes without one.") from None


def _login(url: SplitResult) -> bytes | None:
    if url.username is None and url.password is None:
        return None
    user, password = unquote_to_bytes(url.username or ""), unquote_to_bytes(url.password or "")
    login = user + b":" + password
    if b":" in user or re.search(rb"[\x00-\x1f\x7f]", login):
        raise ValueError("has a user with a colon in it, or a control character in its user or password")
    return login


def _host(text: str) -> str:
    """Return an address, or a name in lower case and ASCII.  Raises ValueError."""
    address = _address(text)
    return str(address) if address is not None else canonical_domain(text.encode("idna").decode("ascii"))


def _address(text: str) -> _Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _exemptions(entries: list[str]) -> Iterator[_Exemption]:
    """Yield what entries of ``NO_PROXY`` mean; one that means nothing is left out."""
    for entry in entries:
        text = entry.lower().removeprefix("*").lstrip(".").removesuffix(".")
        network = _network(text)
        if network is not None:
            yield _Exemption(network)
            continue
        host, colon, digits = text.rpartition(":")
        if not colon or not re.fullmatch("[0-9]{1,5}", digits):
            host, digits = text, ""
        port = int(digits) if digits else None
        network = _network(host)
        if network is not None or host:
            yield _Exemption(network if network is not None else host, port)


def _network(text: str) -> _Network | None:
    bare = text.removeprefix("[").removesuffix("]") if text.startswith("[") else text
    address = _address(bare)
    try:
        return ip_network(address if address is not None else bare, strict=False)
    except ValueError:
        return None
