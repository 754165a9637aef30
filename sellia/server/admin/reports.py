"""Reports of the admin API: what answers say, each with its OpenAPI schema.

Answers are made through these models, so that what is answered is what the schema promises.
"""

from datetime import date
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Model(BaseModel):
    """A frozen model that takes no unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)


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


class FiguresReport(Model):
    """Limits of a key's own; null is as the server's settings say."""

    clients: int | None
    tunnels: int | None
    names: int | None
    streams: int | None
    requests_per_second: float | None
    bytes_per_month: int | None


class LimitsReport(FiguresReport):
    """A class of limits."""

    name: str


class KeyReport(Model):
    """A key, without its secret."""

    id: str
    account: str
    name: str
    prefix: str
    scopes: list[str]
    names: list[str]
    networks: list[str]
    limits: str | FiguresReport | None = Field(description="A class, or figures of its own.")
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


class NameReport(Model):
    """A name that is reserved, or kept for whoever had it last."""

    kind: str
    name: str
    account: str | None
    created_at: AwareDatetime | None
    expires_at: AwareDatetime | None = Field(description="Until when it is kept; null for one that is reserved.")
    note: str


class NamePage(Model):
    """A page of names."""

    items: list[NameReport]
    next: str | None = None


class DnsRecord(Model):
    """A record of the DNS."""

    type: str
    name: str
    value: str


class DomainReport(Model):
    """A domain of an account's own; nobody can use it until it is proved."""

    domain: str
    account: str | None
    created_at: AwareDatetime
    proved_at: AwareDatetime | None
    records: list[DnsRecord] = Field(description="Either of them in its DNS shows who controls it.")


class DomainPage(Model):
    """A page of domains."""

    items: list[DomainReport]
    next: str | None = None


class LimitsPage(Model):
    """All classes of limits."""

    items: list[LimitsReport]
    next: str | None = None


class TunnelReport(Model):
    """A tunnel of a session."""

    name: str
    kind: str
    streams: int


class SessionReport(Model):
    """A client that is connected, or is expected back."""

    id: str
    name: str = Field(description="As the server's log calls it.")
    account: str | None
    key: str | None
    key_prefix: str
    address: str
    client: str
    dialect: str
    state: str
    since: AwareDatetime
    rtt_seconds: float | None
    streams: int
    bytes_in: int
    bytes_out: int
    tunnels: list[TunnelReport]


class SessionPage(Model):
    """A page of sessions."""

    items: list[SessionReport]
    next: str | None = None


class Overview(Model):
    """How the server is; ``limits`` counts what was refused, by the limit, and ``requests`` what visitors asked for.

    Both count from the server's start.
    """

    at: AwareDatetime
    version: str
    draining: bool
    database: str = Field(description="well, slow or away")
    accounts: int
    keys: int
    names: int
    sessions: int
    links: int
    tunnels: int
    streams: int
    connections: int
    requests: int
    limits: dict[str, int]
    counters: dict[str, int]


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


class UsageSums(Model):
    """What was carried, added up."""

    requests: int
    messages: int
    bytes_in: int
    bytes_out: int
    connected_seconds: float


class DayTotals(UsageSums):
    """What was carried on a day."""

    day: date


class AccountTotals(UsageSums):
    """What an account carried."""

    account: str


class UsageTotals(Model):
    """What was carried: on each day that had anything, and by the accounts that carried most bytes, those first."""

    days: list[DayTotals]
    accounts: list[AccountTotals]


class SignInReport(Model):
    """Who is signed in at the page, and until when at most."""

    signed_in: bool
    prefix: str | None
    account: str | None
    scopes: list[str]
    ends_at: AwareDatetime | None


class Counts(Model):
    """Numbers of what one owner may have, or has."""

    clients: int
    tunnels: int
    tunnels_per_client: int | None = None


class SelfReport(Model):
    """What the key is that was shown, and what may be done with it."""

    key_required: bool
    id: str
    account: str | None
    prefix: str
    scopes: list[str]
    names: list[str]
    expires_at: AwareDatetime | None
    limits: Counts
    in_use: Counts


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
