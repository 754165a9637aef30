"""Lead the names of the field's domain to 127.0.0.1, in programs that are given this folder in ``PYTHONPATH``."""

import socket
from typing import Any

_lookup = socket.getaddrinfo


def _loopback(host: Any, *arguments: Any, **options: Any) -> Any:
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if isinstance(name, str) and name.endswith((".test", ".localhost")):
        host = "127.0.0.1"
    return _lookup(host, *arguments, **options)


socket.getaddrinfo = _loopback
