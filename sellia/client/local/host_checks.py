"""Recognition of programs that refuse requests for unknown host names, by the words of their responses.

A development server checks Host, lest a page elsewhere reads it by DNS rebinding; behind a tunnel it then refuses
everybody, in words that rarely say what to do.  Whoever runs it is told the line to add, once for each tunnel.

Only answers with one of ``STATUSES`` are looked at, and of each no more than ``LOOKED_AT`` bytes that came together.
"""

from typing import Final, NamedTuple

#: Limit of the bytes of a body that are looked at.
LOOKED_AT: Final = 8 * 1024

#: Pseudo status of a response that is no HTTP at all, but bare words.
NOT_HTTP: Final = 0


class HostCheck(NamedTuple):
    """Marks of one program's refusal.  All of ``marks`` are in the body; with ``whole`` it has nothing else in it.

    Others may say the same where a check is not ``certain``; ``without`` is in the body of what is no host check.
    """

    program: str
    statuses: tuple[int, ...]
    marks: tuple[bytes, ...]
    whole: bool
    line: str  #: what to add, with ``{host}`` for the name; empty where the program has no such setting
    certain: bool = True
    without: bytes = b""
    names: str = "local"  #: set of header fields that helps (``docs/headers.rst``); empty where none does


HOST_CHECKS: Final = (
    HostCheck(
        "Vite",
        (403,),
        (b"Blocked request. This host",),
        False,
        'server: {{ allowedHosts: ["{host}"] }} in vite.config.js',
    ),
    HostCheck(
        "webpack-dev-server",
        (403,),
        (b"Invalid Host header",),
        True,
        'devServer: {{ allowedHosts: ["{host}"] }} in webpack.config.js, or --allowed-hosts {host}',
    ),
    HostCheck(
        "Next",
        (NOT_HTTP,),
        (b"Unauthorized",),
        True,
        'allowedDevOrigins: ["{host}"] in next.config.js',
        names="hybrid",
    ),
    HostCheck(
        "Next",
        (403,),
        (b"Unauthorized",),
        True,
        'allowedDevOrigins: ["{host}"] in next.config.js',
        False,
        names="hybrid",
    ),
    HostCheck("Django", (400,), (b"DisallowedHost",), False, 'ALLOWED_HOSTS = ["{host}"] in settings.py'),
    HostCheck(
        "Rails",
        (403,),
        (b"Blocked host",),
        False,
        'config.hosts << "{host}" in config/environments/development.rb, or RAILS_DEVELOPMENT_HOSTS={host}',
    ),
    HostCheck(
        "Jupyter",
        (403,),
        (b"Jupyter", b"403 : Forbidden"),
        False,
        "--ServerApp.local_hostnames={host} on its command line",
        False,  # its page of metrics says the same
        b'class="traceback"',  # its words for a login, a token or a path that it refuses
    ),
    HostCheck(
        "Chromium DevTools",
        (500,),
        (b"Host header is specified and is not an IP address or localhost",),
        False,
        "",
    ),
    HostCheck(
        "an MCP server",
        (421, 403),
        (b"Invalid Host",),
        False,
        'TransportSecuritySettings(allowed_hosts=["{host}"]) in Python, or allowedHosts: ["{host}"] in TypeScript',
    ),
    HostCheck(
        "Home Assistant",
        (400,),
        (b"400: Bad Request",),
        True,
        "use_x_forwarded_for: true and trusted_proxies: [127.0.0.1] under http: in configuration.yaml",
        False,  # every program on aiohttp can
        names="",  # it asks for X-Forwarded-For
    ),
    HostCheck(
        "Syncthing",
        (403,),
        (b"Host check error",),
        True,
        "<insecureSkipHostcheck>true</insecureSkipHostcheck> under <gui> in its config.xml",
    ),
    HostCheck(
        "Storybook", (403,), (b"Invalid host",), False, 'core: {{ allowedHosts: ["{host}"] }} in .storybook/main.js'
    ),
)

#: Statuses of responses that are looked at.
STATUSES: Final = frozenset(status for check in HOST_CHECKS for status in check.statuses)


def recognise(status: int, body: bytes) -> HostCheck | None:
    """Return the check that this response is the refusal of, if it is one of the known ones."""
    body = body[:LOOKED_AT]
    for check in HOST_CHECKS:
        if status in check.statuses and all(mark in body for mark in check.marks):
            if check.without and check.without in body:
                continue
            if not check.whole or body.strip() == check.marks[0]:
                return check
    return None


def advice(check: HostCheck, host: str) -> str:
    """Return the sentence for whoever runs the service."""
    add = f"add {check.line.format(host=host)}" if check.line else ""
    flag = f"start sellia with --host-header {check.names}" if check.names else ""
    remedy = ", or ".join(filter(None, (add, flag)))
    if not check.certain:
        return f"If this is {check.program}, it may have refused a host name that it does not know. If so, {remedy}."
    remedy = remedy[:1].upper() + remedy[1:]
    return f"This looks like {check.program}, which refuses host names that it does not know. {remedy}."
