"""Answers of the admin API: JSON, and problem details (RFC 9457) for whatever is refused."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from twisted.web.server import Request

from sellia.errors import ProblemError
from sellia.problems import (
    KEY_REQUIRED,
    NAME_INVALID,
    RETRY_AFTER_SECONDS,
    WRONG_KEY,
    Problem,
)
from sellia.server.admin.reports import Model

JSON: Final = b"application/json"
PROBLEM_JSON: Final = b"application/problem+json"

#: What the ``type`` of a problem begins with; the stable word follows.
PROBLEM_TYPE: Final = "urn:sellia:error:"

#: Status of problems that have none, because no request waits for them elsewhere; 409 for all others.
_STATUSES: Final = {NAME_INVALID: 422}

_CHALLENGE: Final = b'Bearer realm="Sellia admin"'

Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it goes out, apart from its framing.

    ``stream`` writes and finishes a response whose body is not held in memory, once its head is set; where it is not
    wanted any more, ``drop`` is called instead.
    """

    status: int
    headers: Headers
    body: bytes
    stream: Callable[[Request], None] | None = None
    drop: Callable[[], object] | None = None


class InvalidRequest(ProblemError):
    """A request that says what it cannot; ``faults`` has the place and a clause for each."""

    faults: Sequence[dict[str, str]] = ()


def answer_of(result: Model | None, status: int) -> Answer:
    """Return the answer that says what a call has returned."""
    if result is None:
        return Answer(status, (), b"")
    return Answer(status, ((b"Content-Type", JSON),), result.model_dump_json().encode() + b"\n")


def json_answer(value: Any, status: int = 200) -> Answer:
    """Return a JSON value as an answer."""
    return Answer(status, ((b"Content-Type", JSON),), json.dumps(value).encode() + b"\n")


def status_of(problem: Problem) -> int:
    """Return the status that tells of a problem."""
    return problem.status or _STATUSES.get(problem, 409)


def refusal(error: ProblemError) -> Answer:
    """Return the answer that tells of an error."""
    problem = error.problem
    status = status_of(problem)
    report: dict[str, Any] = {
        "type": PROBLEM_TYPE + problem.code,
        "title": problem.sentence,
        "status": status,
        "error": problem.code,
        "remedy": problem.remedy,
    }
    if error.detail:
        report["detail"] = error.detail
    if isinstance(error, InvalidRequest) and error.faults:
        report["faults"] = list(error.faults)
    headers: list[tuple[bytes, bytes]] = [(b"Content-Type", PROBLEM_JSON), (b"Sellia-Error", problem.code.encode())]
    if status in (429, 503):
        headers.append((b"Retry-After", b"%d" % (error.retry_after or RETRY_AFTER_SECONDS)))
    if problem in (KEY_REQUIRED, WRONG_KEY):
        headers.append((b"WWW-Authenticate", _CHALLENGE))
    if error.allow:
        headers.append((b"Allow", error.allow))
    return Answer(status, tuple(headers), json.dumps(report).encode() + b"\n")
