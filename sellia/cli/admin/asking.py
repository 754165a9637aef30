"""Asks the admin API for a command: which server and which key count, and what is printed."""

import json
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, TypeVar

import click

from sellia.cli.admin.api import AdminApi
from sellia.cli.admin.options import DEFAULT_URL
from sellia.cli.http_calls import run
from sellia.cli.server_choice import check_scheme, in_words, way_of
from sellia.credentials import KEY_LIMIT, credentials, origin_of
from sellia.errors import SettingsError
from sellia.settings.given import read_text

_Result = TypeVar("_Result")

#: Variables with an admin key; the second one is that of the original's command.
_VARIABLES: Final = ("SELLIA_ADMIN_KEY", "SELLIA_ADMIN_API_KEY")


def ask(flags: Mapping[str, Any], work: Callable[[AdminApi], Coroutine[Any, Any, _Result]]) -> _Result:
    """Return what ``work`` does with the API that the flags and the environment name, once in a process.

    An error of ours ends the command in words, with its exit status.
    """
    results: list[_Result] = []

    def asked() -> int:
        environment = os.environ
        url = flags.get("url") or environment.get("SELLIA_ADMIN_URL") or DEFAULT_URL
        way = way_of({"server": url, "ca": flags.get("ca"), "proxy": None, "profile": None}, environment)
        assert way.server is not None
        check_scheme(way.server, bool(flags.get("allow_http")))
        key = admin_key(way.server, flags.get("key_file"), environment)

        async def call(reactor: Any) -> _Result:
            return await work(AdminApi(way.server or url, key, reactor, way.ca, way.proxies))

        results.append(run(call))
        return 0

    in_words(asked)
    return results[0]


def admin_key(url: str, key_file: str | None, environment: Mapping[str, str]) -> str:
    """Return the key to show at ``url``.  Raises SettingsError where there is none, or none that can be one."""
    if key_file == "-":
        data = sys.stdin.buffer.read(4 * KEY_LIMIT) if sys.stdin is not None else b""
        return _checked(data.decode("utf-8", "replace"), "standard input")
    if key_file is not None:
        return _checked(read_text(key_file, "--key-file"), "--key-file")
    for variable in _VARIABLES:
        if environment.get(variable):
            return _checked(environment[variable], variable)
        path = environment.get(f"{variable}_FILE")
        if path:
            return _checked(read_text(path, f"{variable}_FILE"), f"{variable}_FILE")
    stored = credentials(environment).find(origin_of(url))
    if stored:
        return stored
    raise SettingsError(
        f"there is no admin key for {url}",
        "Give --key-file FILE, such as first-admin-key in the server's state directory, or SELLIA_ADMIN_KEY; "
        f"`sellia auth login --server {url}` stores one.",
    )


def _checked(text: str, place: str) -> str:
    key = text.strip()
    if not key or len(key) > KEY_LIMIT or not key.isprintable() or any(each.isspace() for each in key):
        raise SettingsError(f"{place}: this is no key", "A key is one word on one line, such as sl_live_….")
    return key


def show(as_json: bool, value: Any, text: Callable[[], str]) -> None:
    """Print a value as JSON, or its text."""
    click.echo(json.dumps(value) if as_json else text())
