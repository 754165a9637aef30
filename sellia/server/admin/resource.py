"""Resource of the admin API: reads a request, asks the route's function, and writes the answer.

Need
    Scripts, the command line and a page in a browser administer the server by HTTP.  What they do is decided by plain
    functions (`calls`); this is the door in front of them.

Invariants
    * Nothing is done for a request before its key, its scope and all that it says have been checked, in this order.
    * A key is read from one ``Authorization: Bearer`` field, or stands behind the cookie of the page's sign-in; then
      the request must come from the page itself (`browser`).  So no page of another site can make a browser do
      anything; and none may read an answer, for no field allows it (CORS).
    * A cookie opens what its key opens, by the same scopes.
    * Whatever goes wrong is answered with a problem, and nothing of a library's words or a traceback is in it.

Bounds
    ``BODY_LIMIT`` bytes of a body (`site` refuses more while they arrive), ``CALLS`` requests at once, ``CALL_TIME``
    seconds for each, and the rates of the settings for each actor.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from pydantic import ValidationError
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Request

from sellia.errors import ProblemError
from sellia.problems import (
    FORBIDDEN,
    INTERNAL,
    INVALID_VALUE,
    OVERLOADED,
    UNSUPPORTED_MEDIA_TYPE,
)
from sellia.relay.http.page_policy import FIELDS
from sellia.server.accounts.operations import Caller, Operations
from sellia.server.accounts.parts import Actor
from sellia.server.admin.answers import Answer, InvalidRequest, answer_of, refusal
from sellia.server.admin.browser import Browser
from sellia.server.admin.door import Door
from sellia.server.admin.once import Once
from sellia.server.admin.reports import Model
from sellia.server.admin.routes import Call, Route, Router, Scope
from sellia.server.admin.words import faults_of, sentence_of
from sellia.server.base_domain.api import shown_key
from sellia.text import printable

#: Requests that are worked on at once, and the seconds that one may take.
CALLS: Final = 64
CALL_TIME: Final = 30.0

#: Stands for a caller where no key is asked for.
NOBODY: Final = Caller(Actor(), frozenset())

_Model = TypeVar("_Model", bound=Model)

_log = Logger()


class AdminApi(Resource):
    """The API below ``/api/``: the routes of ``router``, done by ``operations``, behind ``door``."""

    isLeaf = True

    def __init__(self, router: Router, operations: Operations, door: Door, clock: Any) -> None:
        super().__init__()
        self._router = router
        self._operations = operations
        self._door = door
        self._clock = clock
        self._once = Once(operations, clock.seconds)
        self._calls = 0

    def render(self, request: Request) -> Any:
        if self._calls >= CALLS:
            error = ProblemError(OVERLOADED, f"{CALLS} calls of the admin API are under way, which is its limit.")
            return write(request, refusal(error))
        self._calls += 1
        working: Deferred[Answer] = Deferred.fromCoroutine(self._answer(request))
        timer = self._clock.callLater(CALL_TIME, working.cancel)
        left: list[bool] = []
        request.notifyFinish().addErrback(lambda _: left.append(True))

        def answered(result: "Answer | Failure") -> None:
            self._calls -= 1
            if timer.active():
                timer.cancel()
            answer = refusal(_problem_of(result)) if isinstance(result, Failure) else result
            if not left:
                body = write(request, answer)
                if answer.stream is not None and request.method != b"HEAD":
                    answer.stream(request)
                    return
                request.write(body)
                request.finish()
            if answer.drop is not None:
                answer.drop()

        working.addBoth(answered)
        working.addErrback(lambda failure: _log.failure("a call could not be answered", failure=failure))
        return NOT_DONE_YET

    async def _answer(self, request: Request) -> Answer:
        route, names = self._router.find(request.method, request.path)
        caller, browser = NOBODY, Browser(request)
        if route.scope is not Scope.NOBODY:
            shown = shown_key(request.requestHeaders.getRawHeaders(b"authorization") or [])
            caller = await self._door.admit(shown, browser, writes=route.writes)
            self._door.check_rate(caller, request)
            check_scope(route, caller)
        body = request.content.read() if request.content is not None else b""
        kinds = request.requestHeaders.getRawHeaders(b"content-type") or []
        query, said = _query(route, request.args or {}), _body(route, kinds, body)
        call = Call(self._operations, caller, names, query, said, self._door, browser)
        keys = request.requestHeaders.getRawHeaders(b"idempotency-key") or []
        if not route.once or not keys:
            return await _done(route, call)
        if len(keys) > 1:
            raise ProblemError(INVALID_VALUE, "Idempotency-Key must be given once.")
        whole = b"\0".join((request.method, request.uri, body))
        token = keys[0].decode("latin-1")
        return await self._once.do(caller.actor.key_id, token, whole, route.secrets, lambda: _done(route, call))


def check_scope(route: Route, caller: Caller) -> None:
    """Refuse a caller whose key does not allow the call.  Raises ProblemError."""
    if route.scope in (Scope.NOBODY, Scope.ANY) or (route.own and caller.actor.account_id is not None):
        return
    if route.scope.value in caller.scopes or (route.scope is Scope.READ and Scope.WRITE.value in caller.scopes):
        return
    raise ProblemError(FORBIDDEN, f"The key lacks the scope {route.scope.value}.")


async def _done(route: Route, call: Call) -> Answer:
    result = await route.call(call)
    return result if isinstance(result, Answer) else answer_of(result, route.status)


def _query(route: Route, args: dict[bytes, list[bytes]]) -> Any:
    model = route.query or Model
    given: dict[str, str] = {}
    for name, values in args.items():
        try:
            text, value = name.decode("utf-8"), values[0].decode("utf-8")
        except UnicodeDecodeError:
            raise ProblemError(INVALID_VALUE, "The query is not in UTF-8.") from None
        if len(values) > 1:
            raise ProblemError(INVALID_VALUE, f"{printable(text, 40)} is given more than once.")
        given[text] = value
    return _checked(model, lambda model: model.model_validate(given))


def _body(route: Route, kinds: Sequence[bytes], body: bytes) -> Any:
    if route.body is None:
        if body.strip() not in (b"", b"{}"):
            raise ProblemError(INVALID_VALUE, "This call takes no body.")
        return None
    kind = kinds[0].partition(b";")[0].strip().lower() if len(kinds) == 1 else b""
    if kind != b"application/json":
        raise ProblemError(UNSUPPORTED_MEDIA_TYPE)
    try:
        json.loads(body, object_pairs_hook=_object, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        detail = str(error) if isinstance(error, _Unfit) else "The body is not valid JSON in UTF-8."
        raise ProblemError(INVALID_VALUE, detail) from None
    return _checked(route.body, lambda model: model.model_validate_json(body))


class _Unfit(ValueError):
    """JSON that is read differently by different programs."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Unfit("The body has a name twice in one object.")
    return found


def _constant(name: str) -> Any:
    raise _Unfit(f"The body has {name}, which JSON does not know.")


def _checked(model: type[_Model], read: Callable[[type[_Model]], _Model]) -> _Model:
    try:
        return read(model)
    except ValidationError as error:
        faults = faults_of(model, error)
        invalid = InvalidRequest(INVALID_VALUE, sentence_of(faults))
        invalid.faults = faults
        raise invalid from None


def _problem_of(failure: Failure) -> ProblemError:
    error = failure.value
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, CancelledError):
        return ProblemError(OVERLOADED, f"The call was not done within {CALL_TIME:g} s.")
    _log.failure("a defect of Sellia's own: a call of the admin API failed", failure=failure)
    return ProblemError(INTERNAL)


def write(request: Request, answer: Answer) -> bytes:
    """Set the head of the response; return what is to be written as its body."""
    request.setResponseCode(answer.status)
    for name, value in (*FIELDS, *answer.headers):
        request.setHeader(name, value)
    if answer.status not in (204, 304) and answer.stream is None:
        request.setHeader(b"Content-Length", b"%d" % len(answer.body))
    return b"" if request.method == b"HEAD" else answer.body
