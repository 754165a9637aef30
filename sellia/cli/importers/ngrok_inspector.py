"""What ngrok's agent says of its web interface, as settings of the inspector."""

import re
from ipaddress import ip_address
from typing import Final

from sellia.cli.importers.result import Imported
from sellia.cli.importers.source import Path, Source
from sellia.relay.http.hosts import canonical_domain, is_loopback
from sellia.text import printable

#: Bytes that an inspector keeps at least.
LEAST_MEMORY: Final = 1024 * 1024

#: Where both listen if nothing is said, or at the next free port.
_DEFAULTS: Final = ("localhost:4040", "127.0.0.1:4040")

_PLACE: Final = re.compile(r"(?:(\[[0-9A-Fa-f:.]+\]|[^\[\]:/@\s]*):)?([0-9]{1,5})")


def set_inspector(source: Source, agent: Path, imported: Imported) -> None:
    """Carry over whether there is a web interface, where it listens, by which names, and how much it keeps."""
    place, size = (*agent, "web_addr"), (*agent, "inspect_db_size")
    off = str(source.peek(*place)).lower() == "false"
    if off or str(source.peek(*size)) == "-1":
        imported.put("inspector.off", True)
        source.take(*(place if off else size))
        for path in (place, size, (*agent, "web_allow_hosts")):
            source.name(path, "was left out: the inspector is off, as ngrok's web interface was")
        return
    _set_listen(source, place, imported)
    _set_memory(source, size, imported)
    _set_hosts(source, (*agent, "web_allow_hosts"), imported)


def set_inspected(source: Source, path: Path, settings: dict[str, object]) -> None:
    """Carry over whether what passes in a tunnel is kept; that it is goes without saying."""
    value = str(source.peek(*path)).lower()
    if value in ("true", "false"):
        source.take(*path)
        if value == "false":
            settings["inspect"] = False


def _set_listen(source: Source, path: Path, imported: Imported) -> None:
    text = source.text(*path)
    found = _PLACE.fullmatch(text)
    if not text or text in _DEFAULTS:
        return
    host = "127.0.0.1" if found is None or found[1] is None else found[1].removeprefix("[").removesuffix("]")
    if found is None or int(found[2]) > 65535 or not (host in ("", "localhost") or _is_address(host)):
        source.remark(path, "was left out: inspector.listen has a port, or an address of this machine with one")
    elif not host or not is_loopback(host):
        source.remark(
            path,
            "was left out: other machines could have seen what passes; set inspector.listen together with "
            "inspector.password, without which the inspector listens on this machine only",
        )
    else:
        imported.put("inspector.listen", text if found[1] else f"127.0.0.1:{text}")


def _set_memory(source: Source, path: Path, imported: Imported) -> None:
    text = source.text(*path)
    if not text or text == "0":  # 0 is the default
        return
    if not re.fullmatch(r"[0-9]{1,15}", text):
        source.remark(path, "was left out: inspector.memory has a number of bytes, or a size such as 64 MiB")
    elif int(text) < LEAST_MEMORY:
        source.remark(path, "became 1 MiB, which is the least that an inspector keeps")
        imported.put("inspector.memory", LEAST_MEMORY)
    else:
        imported.put("inspector.memory", int(text))


def _set_hosts(source: Source, path: Path, imported: Imported) -> None:
    names: list[str] = []
    for host in source.texts(*path):
        if _is_address(host):
            continue  # by which it can be opened anyhow
        try:
            names.append(canonical_domain(host))
        except ValueError:
            source.remark(path, f"{printable(host)[:80]} was left out: it is not a host name")
    if names:
        imported.put("inspector.hosts", list(dict.fromkeys(names)))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
