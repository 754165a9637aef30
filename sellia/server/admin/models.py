"""Models of the admin API: what requests may say, each with its OpenAPI schema; `reports` has what answers say.

Bodies are strict: an unknown name, a number in quotes or a time without a zone is an error, which `words` explains.
"""

from datetime import date
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AwareDatetime, BeforeValidator, ConfigDict, Discriminator, Field, StringConstraints, Tag

from sellia.server.admin.reports import Model

#: Entries of a page if the request does not say, and the most that it may ask for.
PAGE: Final = 100
PAGE_LIMIT: Final = 1_000

#: Characters of a name and of a note, entries of a list, and characters of a cursor.
NAME_LIMIT: Final = 100
NOTE_LIMIT: Final = 1_000
LIST_LIMIT: Final = 100
CURSOR_LIMIT: Final = 512

#: The largest figure, which every JSON parser reads exactly.
FIGURE_LIMIT: Final = 2**53 - 1

#: The longest that a key goes on to be valid after its rotation, in seconds: thirty days.
OVERLAP_LIMIT: Final = 30 * 86_400


class Body(Model):
    """The body of a request."""

    model_config = ConfigDict(strict=True)


def _whole(value: object) -> object:
    """Return a whole number, which JSON may also write as 1.0 or 1e3."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


#: Text on one line, without control characters.
_ONE_LINE: Final = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"

Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=NAME_LIMIT, pattern=_ONE_LINE)]
Note: TypeAlias = Annotated[str, StringConstraints(max_length=NOTE_LIMIT, pattern=_ONE_LINE)]
Pattern: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=_ONE_LINE)]
Network: TypeAlias = Annotated[str, StringConstraints(min_length=2, max_length=50, pattern=_ONE_LINE)]
ScopeName: TypeAlias = Literal["http", "tcp", "udp", "tls", "admin:read", "admin:write"]
Kind: TypeAlias = Literal["subdomain", "wildcard", "port"]
Figure: TypeAlias = Annotated[int, Field(ge=0, le=FIGURE_LIMIT), BeforeValidator(_whole)]
Rate: TypeAlias = Annotated[float, Field(ge=0, le=FIGURE_LIMIT, allow_inf_nan=False)]


class Paged(Model):
    """Parameters of a list that comes in pages."""

    limit: int = Field(PAGE, ge=1, le=PAGE_LIMIT, description="Most entries of the page.")
    cursor: str | None = Field(None, max_length=CURSOR_LIMIT, description="The `next` of the page before.")


class OfAccount(Paged):
    """Parameters of a list of what accounts have."""

    account: Name | None = Field(None, description="Id or name of the account that is meant; all, without it.")


class EventsQuery(Model):
    """Parameters of the list of events."""

    after: int = Field(0, ge=0, le=FIGURE_LIMIT, description="Id of the last event that is known already.")
    before: int | None = Field(None, ge=1, le=FIGURE_LIMIT, description="Id of the first that is known already.")
    limit: int = Field(PAGE, ge=1, le=PAGE_LIMIT, description="Most entries of the page.")
    newest: bool = Field(False, description="Whether the newest come first.")
    account: Name | None = Field(None, description="Id or name of the account that is meant.")
    kind: Name | None = Field(None, description="A kind, such as key.revoked, or a group of them, such as key.")
    since: AwareDatetime | None = Field(None, description="Events from this time on.")
    until: AwareDatetime | None = Field(None, description="Events before this time.")


class UsageQuery(OfAccount):
    """Parameters of the list of usage."""

    first: date | None = Field(None, alias="from", description="First day, in UTC; 30 days ago without it.")
    last: date | None = Field(None, alias="to", description="Last day, in UTC; today without it.")
    name: Pattern | None = Field(None, description="The name that is meant.")


class TotalsQuery(Model):
    """Parameters of sums of usage."""

    first: date | None = Field(None, alias="from", description="First day, in UTC; 30 days ago without it.")
    last: date | None = Field(None, alias="to", description="Last day, in UTC; today without it.")
    account: Name | None = Field(None, description="Id or name of the account that is meant; all, without it.")
    limit: int = Field(PAGE, ge=1, le=PAGE_LIMIT, description="Most accounts that are told, which carried most bytes.")


class NewSignIn(Body):
    """An admin key to sign in with."""

    key: str = Field(min_length=1, max_length=CURSOR_LIMIT)


class NewAccount(Body):
    """An account to be made."""

    name: Name
    limits: Name | None = Field(None, description="Name of its class of limits.")
    note: Note = ""


class AccountChange(Body):
    """What is to be different of an account."""

    name: Name | None = None
    limits: Name | None = None
    note: Note | None = None
    closed: bool | None = Field(None, description="true: none of its keys opens anything; false: they do again.")


class Figures(Body):
    """Limits of a class, or of one key; what is null or left out is as the server's settings say."""

    clients: Figure | None = Field(None, description="Clients at once.")
    tunnels: Figure | None = Field(None, description="Tunnels at once.")
    names: Figure | None = Field(None, description="Names that are reserved.")
    streams: Figure | None = Field(None, description="Open streams at once.")
    requests_per_second: Rate | None = None
    bytes_per_month: Figure | None = Field(None, description="Both directions, in a calendar month in UTC.")


def _limits_kind(value: object) -> str | None:
    return OF_CLASS if isinstance(value, str) else OF_KEY if isinstance(value, dict | Figures) else None


#: Marks of what limits of a key are, in places of errors.
OF_CLASS: Final = "=class"
OF_KEY: Final = "=figures"

#: Limits of a key: the name of a class, or figures of its own.
Limits: TypeAlias = Annotated[
    Annotated[Name, Tag(OF_CLASS)] | Annotated[Figures, Tag(OF_KEY)], Discriminator(_limits_kind)
]


class NewKey(Body):
    """A key to be made."""

    account: Name = Field(description="Id or name of the account that it belongs to.")
    name: Name = "key"
    scopes: list[ScopeName] = Field(default=["http"], description="What it may do.", max_length=LIST_LIMIT)
    names: list[Pattern] = Field(
        default=[], description="Names and patterns that it may have; any if empty.", max_length=LIST_LIMIT
    )
    networks: list[Network] = Field(default=[], description="Networks that it may come from.", max_length=LIST_LIMIT)
    expires_at: AwareDatetime | None = None
    limits: Limits | None = Field(None, description="Name of a class of limits, or figures of its own.")


class KeyChange(Body):
    """What is to be different of a key."""

    name: Name = Field("", description="Another name.")
    scopes: list[ScopeName] = Field(default=[], description="What it may do.", max_length=LIST_LIMIT)
    names: list[Pattern] = Field(default=[], description="Names that it may have; any if empty.", max_length=LIST_LIMIT)
    networks: list[Network] = Field(default=[], description="Where it may come from.", max_length=LIST_LIMIT)
    expires_at: AwareDatetime | None = Field(None, description="null for a key that does not expire.")
    limits: Limits | None = Field(None, description="A class, figures of its own, or null for the account's alone.")


class Rotation(Body):
    """How a key is replaced."""

    overlap_seconds: Annotated[int, BeforeValidator(_whole)] = Field(
        0, ge=0, le=OVERLAP_LIMIT, description="Seconds for which the old key goes on to be valid."
    )


class NewName(Body):
    """A name to be reserved."""

    account: Name | None = Field(None, description="Id or name of the account; without it, that of the key.")
    kind: Kind = "subdomain"
    name: Pattern = Field(description="Such as myapp, *.myapp, or tcp/20000.")
    note: Note = ""
    force: bool = Field(False, description="Whether it is also taken from whoever it is kept for; for admins only.")


class NewDomain(Body):
    """A domain of one's own that is to be an account's."""

    account: Name | None = Field(None, description="Id or name of the account; without it, that of the key.")
    domain: Pattern
    proved: bool = Field(False, description="Whether an admin vouches for it, so that no proof is asked for.")


class NewLimits(Figures):
    """A class of limits to be made or replaced."""

    name: Name
