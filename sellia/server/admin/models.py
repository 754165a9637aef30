"""Models of the admin API: what requests may say and what answers say, each with its OpenAPI schema.

Bodies are strict: an unknown name, a number in quotes or a time without a zone is an error, which `words` explains.
Answers are made through their models, so that what is answered is what the schema promises.
"""

from datetime import date
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

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


class Model(BaseModel):
    """A frozen model that takes no unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


class Body(Model):
    """The body of a request."""

    model_config = ConfigDict(strict=True)


#: Text on one line, without control characters.
_ONE_LINE: Final = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$"

Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=NAME_LIMIT, pattern=_ONE_LINE)]
Note: TypeAlias = Annotated[str, StringConstraints(max_length=NOTE_LIMIT, pattern=_ONE_LINE)]
Pattern: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=_ONE_LINE)]
Network: TypeAlias = Annotated[str, StringConstraints(min_length=2, max_length=50, pattern=_ONE_LINE)]
ScopeName: TypeAlias = Literal["http", "tcp", "udp", "tls", "admin:read", "admin:write"]
Kind: TypeAlias = Literal["subdomain", "wildcard", "port"]
Figure: TypeAlias = Annotated[int, Field(ge=0, le=FIGURE_LIMIT)]
Rate: TypeAlias = Annotated[float, Field(ge=0, le=FIGURE_LIMIT, allow_inf_nan=False)]

# --- parameters of lists --------------------------------------------------------------------------------------


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


# --- accounts ----------------------------------------------------------------------------------------------


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


class AccountReport(Model):
    """An account."""

    id: str
    name: str
    limits: str
    note: str
    created_at: AwareDatetime
    closed_at: AwareDatetime | None


class AccountPage(Model):
    """A page of accounts."""

    items: list[AccountReport]
    next: str | None = None


# --- keys --------------------------------------------------------------------------------------------------


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
    limits: Name | None = Field(None, description="Name of a class of limits of its own.")


class Rotation(Body):
    """How a key is replaced."""

    overlap_seconds: int = Field(
        0, ge=0, le=OVERLAP_LIMIT, description="Seconds for which the old key goes on to be valid."
    )


class KeyReport(Model):
    """A key, without its secret."""

    id: str
    account: str
    name: str
    prefix: str
    scopes: list[str]
    names: list[str]
    networks: list[str]
    limits: str | None
    state: Literal["active", "expired", "revoked"]
    created_at: AwareDatetime
    expires_at: AwareDatetime | None
    revoked_at: AwareDatetime | None
    revoked_reason: str
    replaces: str | None
    last_used_at: AwareDatetime | None
    last_used_from: str


class CreatedKey(KeyReport):
    """A key that was made: ``key`` is its secret, which is shown this once."""

    key: str


class KeyPage(Model):
    """A page of keys."""

    items: list[KeyReport]
    next: str | None = None


# --- names and domains ---------------------------------------------------------------------------------------


class NewName(Body):
    """A name to be reserved."""

    account: Name | None = Field(None, description="Id or name of the account; without it, that of the key.")
    kind: Kind = "subdomain"
    name: Pattern = Field(description="Such as myapp, *.myapp, or tcp/20000.")


class NameReport(Model):
    """A name that is reserved, or kept for whoever had it last."""

    kind: str
    name: str
    account: str | None
    created_at: AwareDatetime
    expires_at: AwareDatetime | None


class NamePage(Model):
    """A page of names."""

    items: list[NameReport]
    next: str | None = None


class NewDomain(Body):
    """A domain of one's own that is to be an account's."""

    account: Name | None = Field(None, description="Id or name of the account; without it, that of the key.")
    domain: Pattern
    proved: bool = Field(False, description="Whether an admin vouches for it, so that no proof is asked for.")


class DomainReport(Model):
    """A domain, with the DNS record that proves who controls it."""

    domain: str
    account: str | None
    created_at: AwareDatetime
    proved_at: AwareDatetime | None
    record_type: str
    record_name: str
    record_value: str


class DomainPage(Model):
    """A page of domains."""

    items: list[DomainReport]
    next: str | None = None


# --- limits --------------------------------------------------------------------------------------------------


class Figures(Body):
    """Limits of a class; what is null or left out is as the server's settings say."""

    clients: Figure | None = Field(None, description="Clients at once.")
    tunnels: Figure | None = Field(None, description="Tunnels at once.")
    names: Figure | None = Field(None, description="Names that are reserved.")
    streams: Figure | None = Field(None, description="Open streams at once.")
    requests_per_second: Rate | None = None
    bytes_per_month: Figure | None = Field(None, description="Both directions, in a calendar month in UTC.")


class NewLimits(Figures):
    """A class of limits to be made or replaced."""

    name: Name


class LimitsReport(Model):
    """A class of limits."""

    name: str
    clients: int | None
    tunnels: int | None
    names: int | None
    streams: int | None
    requests_per_second: float | None
    bytes_per_month: int | None


class LimitsPage(Model):
    """All classes of limits."""

    items: list[LimitsReport]
    next: str | None = None


# --- sessions ------------------------------------------------------------------------------------------------


class TunnelReport(Model):
    """A tunnel of a session."""

    name: str
    kind: str
    url: str | None = None
    streams: int


class SessionReport(Model):
    """A client that is connected, or is expected back."""

    id: str
    account: str | None
    key: str | None
    key_prefix: str
    address: str
    client: str
    dialect: str
    state: str
    since: AwareDatetime | None
    rtt_seconds: float | None
    streams: int
    bytes_in: int
    bytes_out: int
    tunnels: list[TunnelReport]


class SessionPage(Model):
    """A page of sessions."""

    items: list[SessionReport]
    next: str | None = None


# --- events and usage ----------------------------------------------------------------------------------------


class EventReport(Model):
    """Something that happened."""

    id: int
    at: AwareDatetime
    kind: str
    account: str | None
    key_prefix: str
    address: str
    subject: str
    detail: dict[str, str | int | float | bool | None]


class EventPage(Model):
    """A page of events; ``after`` is what to give for the next."""

    items: list[EventReport]
    after: int


class UsageReport(Model):
    """What a name of an account carried on a day."""

    day: date
    account: str
    name: str
    requests: int
    messages: int
    bytes_in: int
    bytes_out: int
    connected_seconds: float


class UsagePage(Model):
    """A page of usage."""

    items: list[UsageReport]
    next: str | None = None


# --- the rest ------------------------------------------------------------------------------------------------


class Fault(Model):
    """What is wrong at a place of a request, which is a JSON Pointer."""

    at: str
    detail: str


class ProblemReport(Model):
    """Problem details (RFC 9457); ``error`` is a stable word."""

    type: str
    title: str
    status: int
    error: str
    remedy: str
    detail: str | None = None
    faults: list[Fault] | None = None
