"""The admin API of the original Sellia, at ``/api/admin/`` of the base domain: for its command line and its users.

Need
    Whoever comes from the original has scripts that reserve subdomains and make keys; ``sellia admin`` of the original
    sends both ``Authorization: Bearer`` and ``X-API-Key``.  Paths, fields, statuses and sentences are the original's.

What differs
    * Keys belong to one account, ``original``, which is made with the first of them; their prefix has twelve
      characters, and not eight, since all of ours begin alike.  Numbers of keys are places in the order in which they
      were made.
    * A subdomain that is reserved here is nobody's; one that an account has reserved is listed as well, and says whose.
    * Revoking a key ends its sessions.

Bounds
    ``CALLS`` requests at once.  Keys are judged by the gateway, which counts wrong ones by address.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from sellia.errors import ProblemError
from sellia.problems import (
    CONFLICT,
    DATABASE_AWAY,
    INVALID_VALUE,
    NAME_INVALID,
    NO_SUCH_THING,
    RATE_LIMITED,
    TOO_MANY_ATTEMPTS,
    Problem,
)
from sellia.relay.http.page_policy import FIELDS
from sellia.relay.names import RESERVED
from sellia.server.accounts.grants import ADMIN_WRITE, SCOPES
from sellia.server.accounts.operations import Caller, Operations
from sellia.server.accounts.parts import Actor
from sellia.server.admin.answers import JSON
from sellia.server.base_domain.api import shown_key
from sellia.storage.records import Key, NameKind, ReservedName

PREFIX: Final = b"/api/admin/"

#: Account of the keys that are made here.
ACCOUNT: Final = "original"

#: Requests that are worked on at once, and bytes of a body.
CALLS: Final = 16
BODY_LIMIT: Final = 16 * 1024

#: Characters of a name and a reason.
_TEXT: Final = 64

_UNAUTHORIZED: Final = "Unauthorized: Admin API key required"
_SCOPES: Final = {True: SCOPES, False: ("http", "tcp")}
_DEFAULT: Final = "Default reserved subdomain"

_log = Logger()


class _Refused(Exception):
    """An answer with an error."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class OriginalAdmin(Resource):
    """The original's admin API for one server; ``visitor`` returns the address that a request comes from."""

    isLeaf = True

    def __init__(self, operations: Operations, visitor: Callable[[Request], str]) -> None:
        super().__init__()
        self._operations = operations
        self._visitor = visitor
        self._calls = 0
        self._since = operations.parts.today()

    def render(self, request: Request) -> Any:
        if self._calls >= CALLS:
            return _told(request, 503, {"error": "The server has too much to do"})
        self._calls += 1
        left: list[bool] = []
        request.notifyFinish().addErrback(lambda _: left.append(True))

        def answered(result: "tuple[int, Any] | Failure") -> None:
            self._calls -= 1
            status, value = _refusal(result) if isinstance(result, Failure) else result
            if not left:
                request.write(_told(request, status, value))
                request.finish()

        working: Any = Deferred.fromCoroutine(self._answer(request))
        working.addBoth(answered).addErrback(lambda failure: _log.failure("a call could not be answered", failure))
        return NOT_DONE_YET

    async def _answer(self, request: Request) -> tuple[int, Any]:
        caller = await self._caller(request)
        name, _, rest = request.path.removeprefix(PREFIX).partition(b"/")
        calls = _CALLS.get((request.method.replace(b"HEAD", b"GET"), name, bool(rest)))
        if calls is None or b"/" in rest:
            raise _Refused(404, "Not found")
        body = request.content.read() if request.content is not None else b""
        given: Any = _text(rest) if rest else _object(body) if request.method == b"POST" else None
        return await calls(self, caller.actor, given)

    async def _caller(self, request: Request) -> Caller:
        """Return who asks.  Raises _Refused for whoever may not."""
        bearer = request.requestHeaders.getRawHeaders(b"authorization") or []
        plain = request.requestHeaders.getRawHeaders(b"x-api-key") or []
        try:
            key = shown_key(bearer) if bearer else plain[0].decode("utf-8").strip() if len(plain) == 1 else None
            if not key:
                raise _Refused(401, _UNAUTHORIZED)
            caller = await self._operations.authenticate(key, self._visitor(request))
        except UnicodeDecodeError:
            raise _Refused(401, _UNAUTHORIZED) from None
        except ProblemError as error:
            if error.problem in (DATABASE_AWAY, RATE_LIMITED, TOO_MANY_ATTEMPTS):
                raise
            raise _Refused(401, _UNAUTHORIZED) from None
        if ADMIN_WRITE not in caller.scopes:
            raise _Refused(401, _UNAUTHORIZED)
        return caller

    # --- reserved subdomains -----------------------------------------------------------------------------------

    async def reserved(self, by: Actor, given: Any) -> tuple[int, Any]:
        """List what is reserved: the defaults, and what was reserved here or for an account."""
        found = [_subdomain(name, _DEFAULT, self._since, default=True) for name in sorted(RESERVED)]
        found += [self._shown(each) for each in self._operations.names(None, NameKind.SUBDOMAIN)]
        return 200, found

    async def reserve(self, by: Actor, given: Any) -> tuple[int, Any]:
        """Reserve a subdomain for nobody."""
        name, reason = given.get("subdomain"), given.get("reason") or ""
        if not isinstance(name, str) or not isinstance(reason, str):
            raise _Refused(400, "Invalid request")
        name = name.lower()
        _check_subdomain(name)
        if name in RESERVED or any(each.name == name for each in self._operations.names(None, NameKind.SUBDOMAIN)):
            raise _Refused(409, "Subdomain already reserved")
        reason = " ".join(reason.split())[:_TEXT]
        made = await self._operations.reserve_name(None, name, kind=NameKind.SUBDOMAIN, note=reason, force=True, by=by)
        return 201, self._shown(made)

    async def release(self, by: Actor, given: Any) -> tuple[int, Any]:
        """Release a subdomain."""
        name = given.lower()
        if name in RESERVED:
            raise _Refused(403, "Cannot remove default reserved subdomain")
        if not any(each.name == name for each in self._operations.names(None, NameKind.SUBDOMAIN)):
            raise _Refused(404, "Reserved subdomain not found")
        await self._operations.release_name(name, kind=NameKind.SUBDOMAIN, by=by)
        return 200, {"message": f"Reserved subdomain '{name}' removed"}

    def _shown(self, name: ReservedName) -> dict[str, Any]:
        account = self._operations.parts.live.accounts.get(name.account_id or "")
        reason = name.note or (f"Reserved for {account.name}" if account is not None else None)
        return _subdomain(name.name, reason, name.created_at, default=False)

    # --- keys --------------------------------------------------------------------------------------------------

    async def keys(self, by: Actor, given: Any) -> tuple[int, Any]:
        """List all keys."""
        return 200, [self._key(number, each) for number, each in enumerate(self._operations.keys(), 1)]

    async def create(self, by: Actor, given: Any) -> tuple[int, Any]:
        """Make a key."""
        name, master = given.get("name") or "key", given.get("is_master") or False
        if not isinstance(name, str) or not isinstance(master, bool):
            raise _Refused(400, "Invalid request")
        operations = self._operations
        if operations.parts.live.account_named(ACCOUNT) is None:
            note = "Keys that were made with the original's admin API."
            await operations.create_account(ACCOUNT, note=note, by=by)
        name = " ".join(name.split())[:_TEXT] or "key"
        made = await operations.create_key(ACCOUNT, name=name, scopes=_SCOPES[master], by=by)
        numbers = {each.id: number for number, each in enumerate(operations.keys(), 1)}
        shown = self._key(numbers[made.key.id], made.key)
        del shown["last_used_at"]
        return 201, {"id": shown.pop("id"), "key": made.secret, **shown}

    async def revoke(self, by: Actor, given: Any) -> tuple[int, Any]:
        """Revoke the key with a prefix."""
        found = [each for each in self._operations.keys() if each.prefix == given]
        active = [each for each in found if each.revoked_at is None]
        if not found:
            raise _Refused(404, "API key not found")
        if len(active) > 1:
            raise _Refused(
                409, f"{len(active)} API keys have this prefix; revoke one by its id with sellia admin keys revoke"
            )
        for each in active:
            await self._operations.revoke_key(each.id, by=by)
        return 200, {"message": f"API key '{given}' revoked"}

    def _key(self, number: int, key: Key) -> dict[str, Any]:
        closed = self._operations.parts.live.why_closed(key, self._operations.parts.today())
        return {
            "id": number,
            "key_prefix": key.prefix,
            "name": key.name,
            "is_master": ADMIN_WRITE in key.scopes,
            "active": closed is None,
            "created_at": _time(key.created_at),
            "last_used_at": _time(key.last_used_at) if key.last_used_at is not None else None,
        }


_Answering = Callable[[OriginalAdmin, Actor, Any], Awaitable[tuple[int, Any]]]

#: The calls by method, name, and whether something stands behind the name.
_CALLS: Final[dict[tuple[bytes, bytes, bool], _Answering]] = {
    (b"GET", b"reserved", False): OriginalAdmin.reserved,
    (b"POST", b"reserved", False): OriginalAdmin.reserve,
    (b"DELETE", b"reserved", True): OriginalAdmin.release,
    (b"GET", b"api-keys", False): OriginalAdmin.keys,
    (b"POST", b"api-keys", False): OriginalAdmin.create,
    (b"DELETE", b"api-keys", True): OriginalAdmin.revoke,
}

#: The status that the original has for a problem of ours.
_STATUSES: Final[Sequence[tuple[Problem, int]]] = (
    (INVALID_VALUE, 400),
    (NAME_INVALID, 400),
    (CONFLICT, 409),
    (NO_SUCH_THING, 404),
    (RATE_LIMITED, 429),
    (TOO_MANY_ATTEMPTS, 429),
)


def _check_subdomain(name: str) -> None:
    """Refuse what can be no subdomain, in the original's words."""
    if len(name) < 3:
        raise _Refused(400, "Subdomain must be at least 3 characters")
    if len(name) > 63:
        raise _Refused(400, "Subdomain must be at most 63 characters")
    if not name.isascii() or not name.replace("-", "a").isalnum() or name[0] == "-" or name[-1] == "-":
        raise _Refused(400, "Subdomain can only contain lowercase letters, numbers, and hyphens")


def _subdomain(name: str, reason: str | None, at: datetime, *, default: bool) -> dict[str, Any]:
    return {"subdomain": name, "reason": reason, "is_default": default, "created_at": _time(at)}


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _text(segment: bytes) -> str:
    try:
        return unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError:
        raise _Refused(404, "Not found") from None


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise _Refused(400, "Invalid request")
    return value


def _refusal(failure: Failure) -> tuple[int, Any]:
    error = failure.value
    if isinstance(error, _Refused):
        return error.status, {"error": str(error)}
    if not isinstance(error, ProblemError):
        _log.failure("a defect of Sellia's own: a call of the original's admin API failed", failure)
        return 500, {"error": "Internal server error"}
    if error.problem is DATABASE_AWAY:
        return 503, {"error": "Database not available"}
    status = next((status for problem, status in _STATUSES if problem is error.problem), error.problem.status or 409)
    return status, {"error": str(error)}


def _told(request: Request, status: int, value: Any) -> bytes:
    body = json.dumps(value).encode()
    request.setResponseCode(status)
    for name, text in (*FIELDS, (b"Content-Type", JSON), (b"Content-Length", b"%d" % len(body))):
        request.setHeader(name, text)
    return b"" if request.method == b"HEAD" else body
