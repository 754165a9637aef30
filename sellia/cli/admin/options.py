"""Options that the commands of ``sellia admin`` share; `asking` reads what they say, because that imports settings."""

from collections.abc import Callable
from typing import Any, Final

import click

#: Where the admin API is, if nothing says so: where a server has it by default.
DEFAULT_URL: Final = "http://127.0.0.1:9443"

#: Name, what stands for the value, and help of each option.
_OPTIONS: Final = (
    ("url", "URL", f"URL of the server's admin API. [default: SELLIA_ADMIN_URL, or {DEFAULT_URL}]"),
    ("key-file", "FILE", "File with an admin key, such as first-admin-key in the server's state directory; - for "
     "standard input. [default: SELLIA_ADMIN_KEY, or the key that is stored for the URL]"),
    ("ca", "FILE", "PEM file with the certificate of the authority that signed the server's, if it is private."),
)  # fmt: skip


def admin_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--url``, ``--key-file``, ``--ca``, ``--allow-http`` and ``--json``."""
    command = click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)
    text = "Send the key over http, also to another machine."
    command = click.option("--allow-http", is_flag=True, help=text)(command)
    for name, metavar, text in reversed(_OPTIONS):
        command = click.option(f"--{name}", metavar=metavar, help=text)(command)
    return command


#: The options as a command is given them.
Flags = dict[str, Any]
