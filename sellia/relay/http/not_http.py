"""Description of what a service sent instead of HTTP, for its owner."""

from typing import Final

from sellia.text import printable

#: Characters of the first line that are shown.
SHOWN: Final = 80

#: The first bytes of TLS records: an alert and a handshake, of SSL 3.0 to TLS 1.3.
_TLS: Final = (b"\x15\x03", b"\x16\x03")

#: The first bytes of HTTP/2 settings, which a server sends without being asked.
_HTTP2_SETTINGS: Final = b"\x00\x00"


def what_came(data: bytes) -> str:
    """Describe ``data``, the first bytes of a service; the text goes on after the service's address."""
    if data.startswith(_TLS):
        return "speaks TLS, and was spoken to without: make it an https:// target"
    if data[:2] == _HTTP2_SETTINGS and data[3:4] == b"\x04":
        return "speaks HTTP/2 only, and Sellia speaks HTTP/1.1 to services"
    line = data.lstrip(b"\r\n")[: SHOWN * 4 + 4].splitlines()
    shown = printable(line[0], SHOWN) if line else ""
    return f'answered with something that is not HTTP: "{shown}"'
