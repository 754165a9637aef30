"""What several calls share: whose things are meant, and pages of lists."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sellia.errors import ProblemError
from sellia.problems import FORBIDDEN, NO_SUCH_THING
from sellia.server.accounts.grants import ADMIN_READ, ADMIN_WRITE
from sellia.server.admin.cursors import cursor_of, position_of
from sellia.server.admin.routes import Call
from sellia.storage.records import Key
from sellia.text import printable

_Record = TypeVar("_Record")


def is_admin(call: Call, scope: str = ADMIN_READ) -> bool:
    """Return whether the caller may act for all accounts."""
    scopes = call.caller.scopes
    return scope in scopes or (scope == ADMIN_READ and ADMIN_WRITE in scopes)


def whose(call: Call, account: str | None, scope: str = ADMIN_READ) -> str | None:
    """Return the id of the account whose things are meant; None for all, which only an admin may mean.

    A caller without the scope means its own account.  Whether another one exists it cannot find out: either way it is
    forbidden.  Raises ProblemError.
    """
    operations, own = call.operations, call.caller.actor.account_id
    if is_admin(call, scope):
        return operations.account(account).id if account is not None else None
    if own is None:
        raise ProblemError(FORBIDDEN, f"The key lacks the scope {scope}.")
    if account is not None and account not in (own, operations.account(own).name):
        raise ProblemError(FORBIDDEN, f"The key lacks the scope {scope}, and so means its own account alone.")
    return str(own)


def check_own(call: Call, account_id: str | None, what: str, scope: str = ADMIN_WRITE) -> None:
    """Refuse a caller who may only act on its own account's things; another's are to it as if they were not there.

    Raises ProblemError.
    """
    if not is_admin(call, scope) and (account_id is None or account_id != call.caller.actor.account_id):
        raise ProblemError(NO_SUCH_THING, f"There is no {printable(what, 80)}.")


def now(call: Call) -> datetime:
    """Return the time of day, in UTC."""
    return call.operations.parts.today()


def state_of(call: Call, key: Key) -> str:
    """Return ``active``, or why a key opens nothing."""
    return call.operations.parts.live.why_closed(key, now(call)) or "active"


def account_of_name(call: Call, kind: str, name: str) -> str | None:
    """Return the account that a name is reserved or kept for; None where it is nobody's, or no account's.

    Raises ProblemError for what can be no name.
    """
    parts = call.operations.parts
    place = call.operations.place(kind, name)
    record, kept = parts.live.names.get(place), parts.names.kept(place)
    if record is not None and record.expires_at is None:
        return record.account_id
    return kept.holder.account_id if kept is not None else None


def page_of(
    name: str, records: Sequence[_Record], position: Callable[[_Record], str], query: Any
) -> tuple[list[_Record], str | None]:
    """Return a page of records, which are in the order of their positions, and the cursor of the next one, if any.

    Positions are unique and do not change, so that pages neither repeat nor leave out what is there all the time.
    """
    after = position_of(name, query.cursor)
    first = bisect_right(records, after, key=position) if after is not None else 0
    found = list(records[first : first + query.limit])
    if first + query.limit >= len(records):
        return found, None
    return found, cursor_of(name, position(found[-1]))
