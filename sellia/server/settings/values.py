"""Kinds of values that only a server's settings have."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Final, TypeAlias

from pydantic import AfterValidator, BeforeValidator, SecretStr, ValidationInfo, WithJsonSchema

from sellia.errors import SettingsError
from sellia.protocol import limits
from sellia.relay.http.forwarded import TrustedPeers
from sellia.relay.http.hosts import canonical_domain
from sellia.relay.ports import parse_range
from sellia.server.settings.relations import NO_ENDPOINT
from sellia.settings import ONE_OR_MORE, Secret, Size, wrong
from sellia.settings.values import entries, one_or_more
from sellia.storage.url import FORMS, parse_url
from sellia.text import printable

_ENDPOINT: Final = re.compile(r"^[A-Za-z][A-Za-z0-9_-]*:.+", re.DOTALL)
_PROXIED_TLS: Final = re.compile(r"^haproxy:(ssl|tls):")
_FORWARDED_FIELD: Final = re.compile(r"^x-forwarded-(?!(?:for|proto|host|port)$)[a-z0-9-]+$", re.IGNORECASE)
_PATH: Final = re.compile(r"^(/[A-Za-z0-9._~-]+)+$")


def _separated(value: object) -> object:
    """Split one text, or each of a list of texts, at its commas."""
    value = one_or_more(value)
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return entries(value)
    return value


def _check_host(value: str) -> str:
    value = value.removeprefix("[").removesuffix("]")
    try:
        ip_address(value)
    except ValueError:
        try:
            return canonical_domain(value)
        except ValueError:
            raise wrong(f"{printable(value)[:80]} is not an address or a host name") from None
    return value


def _check_listen(value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        if not _ENDPOINT.match(each):
            raise wrong(f"{printable(each)[:80]} is not a Twisted endpoint")
        if _PROXIED_TLS.match(each):
            hint = "The PROXY protocol comes before TLS: let the proxy do TLS, and listen with haproxy:tcp:..."
            raise wrong(f"{printable(each)[:80]} asks for both the PROXY protocol and TLS", hint)
    return value


#: Endpoint of the admin API of a server with accounts, and what stands for none.
ADMIN_ENDPOINT: Final = "tcp:9443:interface=127.0.0.1"


def _check_admin_listen(value: str) -> str:
    if value.strip().lower() in (NO_ENDPOINT, "off"):
        return NO_ENDPOINT
    if not _ENDPOINT.match(value):
        raise wrong(f"{printable(value)[:80]} is not a Twisted endpoint", f"Write it as in {ADMIN_ENDPOINT}, or none.")
    if value.startswith(("haproxy:", "sni:")):
        raise wrong(f"{printable(value)[:80]} is for visitors", f"Write it as in {ADMIN_ENDPOINT}.")
    if value.startswith(("tcp:", "ssl:", "tls:")) and not re.search(r"(?<!\\):interface=", value):
        return f"{value}:interface=127.0.0.1"
    return value


def _check_domain(value: str) -> str:
    try:
        domain = canonical_domain(value)
    except ValueError:
        domain = ""
    # The longest name has 253 characters, and a tunnel's label with its dot takes up to 64 of them.
    if not domain or len(domain) > 253 - 64:
        hint = "Give the bare name, as in example.com: no https://, no port; names in other scripts as xn--..."
        raise wrong(f"{printable(value)[:80]} is not a domain name", hint)
    return domain


def _check_peers(value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    try:
        TrustedPeers(value, (info.field_name or "").replace("trust_proxy", "trust-proxy"))
    except SettingsError as error:
        raise wrong(printable(str(error))) from None
    return value


def _check_forwarded_fields(value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        if not _FORWARDED_FIELD.match(each):
            raise wrong(
                f"{printable(each)[:80]} is not the name of a further X-Forwarded field",
                "Names begin with X-Forwarded-, as in X-Forwarded-Prefix; -For, -Proto, -Host and -Port are "
                "Sellia's own to write, and other fields pass without being named.",
            )
    return value


def _check_gateway_path(value: str) -> str:
    if not _PATH.match(value):
        raise wrong("must be a plain path")
    return value


def _check_head(value: int) -> int:
    # What is let in must fit in one head message of a link, with the room that encoding takes.
    if value > limits.HEAD_LIMIT - 16 * limits.KIB:
        raise wrong(f"must not be above {(limits.HEAD_LIMIT - 16 * limits.KIB) // limits.KIB} KiB")
    return value


def _check_ports(value: str) -> str:
    try:
        ports = parse_range(value)
    except ValueError as error:
        raise wrong(f"{printable(value)[:40]} {error}", "Write the first and the last, as in 20000-29999.") from None
    return f"{ports[0]}-{ports[-1]}"


def _check_database(value: SecretStr) -> SecretStr:
    try:
        parse_url(value.get_secret_value())
    except ValueError as error:
        raise wrong(str(error), FORMS) from None
    return value


def _check_directory(value: str) -> str:
    if not value or not value.isprintable():
        raise wrong("must be the path of a directory")
    return value


def _check_files(value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        if not each or not each.isprintable():
            raise wrong(f"{printable(each)[:80]} is not the path of a file or a directory")
    return value


def _check_dns_server(value: str) -> str:
    try:
        address_and_port(value)
    except ValueError:
        hint = "Write it as in 127.0.0.1:5353, [::1]:53 or 192.0.2.53."
        raise wrong(f"{printable(value)[:80]} is not the address of a DNS server", hint) from None
    return value


def address_and_port(text: str, port: int = 53) -> tuple[str, int]:
    """Return the address and the port that ``127.0.0.1:5353`` says, or ``port``.  Raises ValueError."""
    try:
        return str(ip_address(text)), port
    except ValueError:
        host, _, number = text.rpartition(":")
        if not (number.isascii() and number.isdigit() and len(number) <= 5 and 0 < int(number) < 65536):
            raise ValueError("is not an address with a port") from None
        if host.startswith("[") and host.endswith("]"):
            return str(IPv6Address(host[1:-1])), int(number)
        return str(IPv4Address(host)), int(number)


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


#: A range of ports, ``20000-29999``.
PortRange: TypeAlias = Annotated[str, BeforeValidator(_as_text), AfterValidator(_check_ports)]

#: A host name or an IP address, without brackets.
Host: TypeAlias = Annotated[str, AfterValidator(_check_host)]

#: Twisted endpoint strings; one text counts as a list of one.
Endpoints: TypeAlias = Annotated[
    tuple[str, ...], BeforeValidator(one_or_more), AfterValidator(_check_listen), WithJsonSchema(ONE_OR_MORE)
]

#: The address of a DNS server, with a port if it is not 53.
DnsServer: TypeAlias = Annotated[str, AfterValidator(_check_dns_server)]

#: A domain name in lower case, with room for a tunnel's label in front of it.
Domain: TypeAlias = Annotated[str, AfterValidator(_check_domain)]

#: Addresses and networks of proxies.
Peers: TypeAlias = Annotated[
    tuple[str, ...], BeforeValidator(_separated), AfterValidator(_check_peers), WithJsonSchema(ONE_OR_MORE)
]

#: Names of X-Forwarded fields that are not Sellia's own to write.
ForwardedFields: TypeAlias = Annotated[
    tuple[str, ...], BeforeValidator(_separated), AfterValidator(_check_forwarded_fields), WithJsonSchema(ONE_OR_MORE)
]

#: An absolute path of plain characters.
Path: TypeAlias = Annotated[str, AfterValidator(_check_gateway_path)]

#: Endpoint of the admin API, or `NO_ENDPOINT`.
AdminEndpoint: TypeAlias = Annotated[str, AfterValidator(_check_admin_listen)]

#: A directory.
Directory: TypeAlias = Annotated[str, AfterValidator(_check_directory)]

#: Files, or directories; one text counts as a list of one.
Files: TypeAlias = Annotated[
    tuple[str, ...], BeforeValidator(one_or_more), AfterValidator(_check_files), WithJsonSchema(ONE_OR_MORE)
]

#: The URL of a database, in which a password may stand.
DatabaseSecret: TypeAlias = Annotated[Secret, AfterValidator(_check_database)]

#: A size in bytes that fits into the head of a request as it travels on a link.
HeadSize: TypeAlias = Annotated[Size, AfterValidator(_check_head)]
