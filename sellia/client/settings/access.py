"""Settings that say which visitors, and which of their requests, a tunnel takes."""

import math
import re
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    GetJsonSchemaHandler,
    SecretStr,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema

from sellia.client.settings.headers import HeaderSettings
from sellia.client.settings.kinds import checked_networks
from sellia.client.settings.users_file import UsersFile, read_users
from sellia.relay.passwords import Users
from sellia.relay.rules import LARGEST_BODY, LARGEST_RATE, METHODS, checked_method
from sellia.relay.secrets import basic_auth_digest
from sellia.settings import ONE_OR_MORE, Count, PerSecond, Settings, Size, setting, wrong
from sellia.settings.values import checked_secret, entries, one_or_more
from sellia.text import printable

#: Seconds of its rate that a visitor may spend at once, where no burst is given.
BURST_SECONDS: Final = 10

_RATE: Final = re.compile(r"^([0-9]{1,7}(?:\.[0-9]{1,6})?)(?:/(s|m|h))?(?::([0-9]{1,7}))?$")
_UNITS: Final = {None: 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_WRITE_RATE: Final = "Write it as 10/s, 300/m, or 10/s:50 with the number of requests at once behind it."


#: Addresses and networks; one text counts as a list of one, and has commas between several.
Networks = Annotated[tuple[str, ...], BeforeValidator(one_or_more), AfterValidator(checked_networks)]


def _checked_methods(value: tuple[str, ...]) -> tuple[str, ...]:
    """Return the methods of a list, in capitals, each once."""
    methods = [each.upper() for each in entries(value)]
    if value and not methods:
        raise wrong("has no method in it")
    if len(methods) > METHODS:
        raise wrong(f"has more than {METHODS} methods")
    for each in methods:
        try:
            checked_method(each)
        except ValueError as error:
            raise wrong(f"{printable(each)[:80]} {error}") from None
    return tuple(dict.fromkeys(methods))


#: Methods; one text counts as a list of one, and has commas between several.
Methods = Annotated[tuple[str, ...], BeforeValidator(one_or_more), AfterValidator(_checked_methods)]


def _checked_logins(value: object) -> object:
    """Return one login, or the logins of a list a line each."""
    logins = value if isinstance(value, list | tuple) else [value]
    if not logins:
        raise wrong("has no user in it", "Write each as USER:PASS.")
    texts = []
    for each in logins:
        checked_secret(each)
        text = each.get_secret_value() if isinstance(each, SecretStr) else each
        if not isinstance(text, str):
            raise wrong(
                "must be text", "Put the value into quotes. Write it as USER:PASS, with a colon between the two."
            )
        texts.append(text)
    try:
        for text in texts:
            basic_auth_digest(text)
        Users(texts, ())
    except ValueError as error:
        raise wrong(str(error), "Write it as USER:PASS, with a colon between the two.") from None
    return "\n".join(texts)


#: Logins, each ``USER:PASS``: one, or a list of several, which is kept as a line each.
Logins = Annotated[SecretStr, BeforeValidator(_checked_logins), WithJsonSchema(ONE_OR_MORE)]


def _read_users(value: str) -> str:
    try:
        return read_users(value)
    except ValueError as error:
        raise wrong(str(error)) from None


class VisitorRate(Settings):
    """Rate of the requests of one visitor."""

    per_second: PerSecond = setting(..., "Requests a second of one visitor, in the long run.", le=LARGEST_RATE)
    burst: Count | None = setting(
        None, "Requests of one visitor at once. [default: those of 10 seconds]", le=LARGEST_RATE
    )

    @property
    def at_once(self) -> int:
        """Requests at once."""
        return self.burst or max(1, math.ceil(self.per_second * BURST_SECONDS))


def _spelled_out(value: object) -> object:
    """Return a rate in short as a mapping."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value:f}".rstrip("0").rstrip(".")
    if not isinstance(value, str):
        return value
    found = _RATE.match("".join(value.split()))
    if found is None or not float(found[1]):
        raise wrong(f"must be a rate, not {printable(value)[:40]}", _WRITE_RATE)
    rate: dict[str, object] = {"per_second": float(found[1]) / _UNITS[found[2]]}
    return {**rate, "burst": int(found[3])} if found[3] else rate


class _RateAsWritten:
    """JSON Schema of a rate: it is written in short, or as a mapping."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "number"}, {"type": "string"}, *dict(handler(core))["anyOf"]]}


class AccessSettings(HeaderSettings):
    """Which visitors, and which of their requests, a tunnel takes."""

    auth: Logins | None = setting(
        None, "USER:PASS that visitors must know; in a file, also a list of several.", flag="USER:PASS"
    )
    auth_file: Annotated[str, AfterValidator(_read_users)] | None = setting(
        None, "File of users that visitors must be one of: lines that `sellia auth hash` makes.", flag="FILE"
    )
    auth_preflight: Literal["pass", "refuse"] = setting(
        "refuse",
        "pass or refuse: what becomes of CORS preflights, which never carry the password of auth.",
        flag="pass|refuse",
    )
    allow: Networks = setting(
        (),
        "Address or network of visitors to let in, such as 10.0.0.0/8; without any, all are. Can be repeated.",
        flag="ADDRESS",
    )
    deny: Networks = setting(
        (), "Address or network of visitors to keep out, whatever allow says. Can be repeated.", flag="ADDRESS"
    )
    methods: Methods = setting(
        (), "Method of requests to let in, such as GET; without any, all are. Can be repeated.", flag="METHOD"
    )
    max_body: Size | None = setting(
        None, "Largest body of a request, such as 10 MiB. [default: any]", flag="SIZE", le=LARGEST_BODY
    )
    visitor_rate: Annotated[VisitorRate | None, BeforeValidator(_spelled_out), _RateAsWritten] = setting(
        None, "Requests of one visitor's address, such as 10/s, or 10/s:50 with 50 at once. [default: any]", flag="RATE"
    )

    @property
    def logins(self) -> tuple[str, ...]:
        """Logins of ``auth``, each as ``USER:PASS``."""
        return tuple(self.auth.get_secret_value().split("\n")) if self.auth is not None else ()

    @property
    def digests(self) -> tuple[str, ...]:
        """Lines of ``auth_file``."""
        return self.auth_file.lines if isinstance(self.auth_file, UsersFile) else ()

    @model_validator(mode="after")
    def _check_users(self) -> Self:
        if self.digests:
            try:
                Users(self.logins, self.digests)
            except ValueError as error:
                raise wrong(f"does not go with auth: {error}", "", "auth_file") from None
        return self
