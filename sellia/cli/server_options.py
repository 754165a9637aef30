"""Options of commands that ask a server: which one, and how it is reached.

Apart from :mod:`sellia.cli.server_choice`, which reads what they say, because that imports settings.  A test compares
the help with that of the settings.
"""

from collections.abc import Callable
from typing import Any, Final

import click

#: Name, what stands for the value, and help of each option, as the settings of a client have them.
OPTIONS: Final = (
    ("server", "URL", "URL of the tunnel server, such as https://example.com."),
    ("ca", "FILE", "PEM file with the certificate of the authority that signed the server's, if it is private."),
    (
        "proxy",
        "URL",
        "HTTP proxy to reach the server through, as http://USER:PASSWORD@HOST:PORT, or none; by default what "
        "HTTPS_PROXY, HTTP_PROXY and NO_PROXY say.",
    ),
    ("profile", "NAME", "Which of the profiles counts: their server, key and authority."),
)


def server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--server``, ``--ca``, ``--proxy`` and ``--profile``."""
    for name, metavar, text in reversed(OPTIONS):
        command = click.option(f"--{name}", metavar=metavar, help=text)(command)
    return command
