"""Settings of the inspector, which shows on this machine what passes: where, for whom, and how much it keeps."""

import re
from ipaddress import ip_address
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, PrivateAttr, WithJsonSchema, model_validator

from sellia.client.settings.values import checked_host
from sellia.relay.http.hosts import canonical_domain, is_loopback
from sellia.settings import ONE_OR_MORE, Secret, Settings, Size, setting, wrong
from sellia.settings.values import entries, one_or_more
from sellia.text import printable

#: Where the inspector listens if nothing else is set; the next free port is taken where this one is in use.
ADDRESS: Final = "127.0.0.1"
PORT: Final = 4040

#: Bytes that it keeps if nothing else is set, and the least.
MEMORY: Final = 64 * 1024 * 1024
LEAST_MEMORY: Final = 1024 * 1024

#: Bytes of a recording if nothing else is set, and the least.
RECORD: Final = 4 * 1024 * 1024 * 1024
LEAST_RECORD: Final = 1024 * 1024

_LISTEN: Final = re.compile(r"^(?:(\[[0-9A-Fa-f:.]+\]|[^\[\]:/@\s]+):)?([0-9]{1,5})$")
_WRITE: Final = "Write a port, as in 4041, or an address with one, as in 127.0.0.1:4041."


def _checked_listen(value: object) -> object:
    """Return an address and a port as ``HOST:PORT``, with an IPv6 address in brackets."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    found = _LISTEN.match(value) if isinstance(value, str) else None
    if found is None or int(found[2]) > 65535:
        raise wrong(f"{printable(str(value))[:80]} is not an address to listen on", _WRITE)
    host = checked_host((found[1] or ADDRESS).removeprefix("[").removesuffix("]"))
    if host != "localhost":
        try:
            ip_address(host)
        except ValueError:
            raise wrong("must be an address of this machine, not a name", _WRITE) from None
    return f"[{host}]:{int(found[2])}" if ":" in host else f"{host}:{int(found[2])}"


def _checked_hosts(value: object) -> object:
    value = one_or_more(value)
    if not (isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)):
        return value
    found = entries(value)
    for each in found:
        try:
            canonical_domain(each)
        except ValueError:
            raise wrong(f"{printable(each)[:80]} is not a host name") from None
    return [canonical_domain(each) for each in found]


def _checked_dev(value: str) -> str:
    """Return the origin of a development server on this machine."""
    try:
        url = urlsplit(value)
        host, port = url.hostname or "", url.port
    except ValueError:
        host, port, url = "", None, urlsplit("")
    if url.scheme != "http" or not host or url.path.strip("/") or url.query or url.fragment or url.username is not None:
        raise wrong("is not the URL of a development server", "Write it as http://localhost:5173.")
    if not is_loopback(host):
        raise wrong("must be on this machine", "The page that it serves sees all that passes.")
    where = f"[{host}]" if ":" in host else host
    return f"http://{where}:{port or 80}"


Listen = Annotated[str, BeforeValidator(_checked_listen), WithJsonSchema({"type": ["string", "integer"]})]
Hosts = Annotated[tuple[str, ...], BeforeValidator(_checked_hosts), WithJsonSchema(ONE_OR_MORE)]


class InspectorSettings(Settings):
    """The inspector of a client."""

    no_inspector: bool = setting(
        False, "true to run without the inspector, which shows what passes.", path="inspector.off", flag="switch"
    )
    inspector: Listen | None = setting(
        None,
        "Port or address that the inspector listens on. [default: 127.0.0.1:4040, or the next free port]",
        path="inspector.listen",
        flag="ADDRESS",
    )
    inspector_password: Secret | None = setting(
        None,
        "Password of the inspector, without which it listens on this machine only.",
        path="inspector.password",
        variable="SELLIA_INSPECTOR_PASSWORD",
    )
    inspector_hosts: Hosts = setting(
        (), "Names that the inspector may be opened by, besides localhost and addresses.", path="inspector.hosts"
    )
    inspector_memory: Size = setting(
        MEMORY, "Bytes that the inspector keeps of what has passed.", path="inspector.memory", ge=LEAST_MEMORY
    )
    record: str | None = setting(
        None,
        "File that all that passes is recorded in, for `sellia inspect`; only its owner can read it.",
        path="inspector.record",
        flag="FILE",
        min_length=1,
    )
    record_limit: Size = setting(
        RECORD, "Bytes that the file of a recording may have.", path="inspector.record_limit", ge=LEAST_RECORD
    )
    inspector_dev: Annotated[str, AfterValidator(_checked_dev)] | None = setting(
        None,
        "Development server that the inspector's page comes from, as http://localhost:5173.",
        path="inspector.dev",
        flag="URL",
    )

    _record_from: str = PrivateAttr("")

    @property
    def record_from(self) -> str:
        """The flag or file that the path of the recording comes from, for people."""
        return self._record_from or "inspector.record"

    @property
    def inspector_asked(self) -> bool:
        """Whether anything is said of the inspector, besides that there be none."""
        return bool(self.model_fields_set & (InspectorSettings.model_fields.keys() - {"no_inspector"}))

    @property
    def inspector_place(self) -> tuple[str, int]:
        """Address and port that it listens on; 0 is any port."""
        host, _, port = (self.inspector or f"{ADDRESS}:{PORT}").rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        return (ADDRESS if host == "localhost" else host), int(port)

    @model_validator(mode="after")
    def _check_inspector(self) -> Self:
        host, _ = self.inspector_place
        if self.inspector_password is None and not is_loopback(host):
            hint = "Set inspector.password as well, or listen on 127.0.0.1."
            raise wrong("would show all that passes to whoever reaches this machine", hint, "inspector")
        if self.record is not None and self.no_inspector:
            hint = "Leave --no-inspector away, or this."
            raise wrong("needs the inspector, which is off: nothing would be recorded", hint, "record")
        return self
