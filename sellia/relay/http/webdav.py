"""Rewriting of the ``Destination`` of a WebDAV request (RFC 4918, section 10.3) for a service behind a tunnel.

COPY and MOVE name their destination by an absolute URL, in the visitor's words: ``https`` where the server or a proxy
in front does TLS.  A service that is asked by http takes that for another server and answers 502, as Apache's mod_dav
does.  So the URL gets the scheme that the service is asked by, if it is one of the same host and port.
"""

from __future__ import annotations

import re
from typing import Final

from sellia.protocol.messages import Headers
from sellia.relay.http.forwarded import port_of
from sellia.relay.http.hosts import canonical_host

METHODS: Final = frozenset((b"COPY", b"MOVE"))
"""Methods whose requests have a ``Destination``."""

_URL: Final = re.compile(rb"(https?)://([^/?#]*)(.*)", re.IGNORECASE | re.DOTALL)


def with_destination(headers: Headers, scheme: bytes) -> Headers:
    """Rewrite ``Destination`` for a service that is asked by `scheme`; often nothing changes."""
    hosts = [value for name, value in headers if name.lower() == b"host"]
    if len(hosts) != 1:
        return headers
    return [
        (name, _rewritten(value, hosts[0], scheme) if name.lower() == b"destination" else value)
        for name, value in headers
    ]


def _rewritten(destination: bytes, host: bytes, scheme: bytes) -> bytes:
    match = _URL.fullmatch(destination)
    if match is None or match[1].lower() == scheme:
        return destination
    theirs = match[1].lower()
    try:
        same = canonical_host([match[2]]) == canonical_host([host])
    except ValueError:
        return destination
    if not same or port_of(match[2], theirs) != port_of(host, theirs):
        return destination
    return b"%b://%b%b" % (scheme, host, match[3])
