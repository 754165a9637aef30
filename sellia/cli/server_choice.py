"""The server that a command asks: from its flags, the environment, the user's own file, or the keys that are stored.

Invariant: the settings file of a project has no say in it.  Somebody who works in a cloned repository would show a key
to whatever server that file names.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import click
from pydantic import field_validator

from sellia.cli.failures import Failed
from sellia.client.proxies import WRITE_PROXY, Proxies, proxies_of
from sellia.client.settings import ClientSettings, TunnelSettings
from sellia.client.settings.keys import apply_profile
from sellia.client.settings.values import checked_authorities, checked_proxy, checked_server
from sellia.credentials import Credentials, origin_of
from sellia.errors import SelliaError, SettingsError
from sellia.relay.http.hosts import is_loopback
from sellia.settings import Findings, Rank, Secret, Settings, check, gather, setting
from sellia.settings.standing import CLIENT, standing_files


class _Reached(Settings):
    """Server, and the way to it."""

    server: str | None = setting(None, "URL of the tunnel server, such as https://example.com.")
    ca: str | None = setting(None, "PEM file with the certificate of the authority that signed the server's.")
    proxy: Secret | None = setting(None, WRITE_PROXY)

    @field_validator("server")
    @classmethod
    def _check_server(cls, value: str | None) -> str | None:
        return origin_of(checked_server(value)) if value is not None else None

    @field_validator("ca")
    @classmethod
    def _check_ca(cls, value: str | None) -> str | None:
        return checked_authorities(value)

    @field_validator("proxy")
    @classmethod
    def _check_proxy(cls, value: Secret | None) -> Secret | None:
        return checked_proxy(value)


@dataclass(frozen=True, slots=True)
class Way:
    """The server that was named, if one was, and how servers are reached."""

    server: str | None
    ca: str | None
    proxies: Proxies
    #: Variable or file that gives a key, which then counts instead of a stored one; empty if there is none.
    key_from: str = ""


def way_of(flags: Mapping[str, str | None], environment: Mapping[str, str]) -> Way:
    """Return what the flags, the environment and files of the user's own say.  Raises SettingsError."""
    findings = Findings()
    own = [each for each in standing_files(CLIENT, environment) if each.rank is not Rank.PROJECT]
    given = gather(ClientSettings, TunnelSettings, flags=flags, environment=environment, files=own, findings=findings)
    apply_profile(given, findings)
    reached = check(_Reached, {name: given[name] for name in _Reached.model_fields if name in given}, findings)
    proxy = reached.proxy.get_secret_value() if reached.proxy is not None else None
    key = given.get("api_key")
    return Way(reached.server, reached.ca, proxies_of(proxy, environment), key.place if key is not None else "")


def the_server(way: Way, store: Credentials) -> str:
    """Return the server that was named, or the only one for which a key is stored.  Raises SettingsError."""
    if way.server is not None:
        return way.server
    stored = store.servers()
    if len(stored) == 1:
        return stored[0]
    hint = "Give --server https://example.com, or SELLIA_SERVER."
    if stored:
        hint = f"Keys are stored for {', '.join(stored)}: name one of them with --server."
    raise SettingsError("it is not said which server is meant", hint)


def check_scheme(server: str, allow_http: bool) -> None:
    """Refuse to show a key to whoever is on the way.  Raises SettingsError."""
    url = urlsplit(server)
    if url.scheme == "http" and not allow_http and not is_loopback(url.hostname or ""):
        raise SettingsError(
            f"everybody on the way to {server} could read the key, because it is http",
            f"Use https://{url.netloc}, or say --allow-http if nobody else is on that way.",
        )


def tell_of_other_key(way: Way) -> None:
    """Say, on standard error, that a key from elsewhere counts for more than those that are stored."""
    if way.key_from:
        click.echo(f"{way.key_from} gives a key, which is used instead of one that is stored.", err=True)


def in_words(work: Callable[[], int]) -> int:
    """Return what ``work`` does; an error of ours becomes one of the command's, with its exit status."""
    try:
        return work()
    except SelliaError as error:
        raise Failed(error) from None
