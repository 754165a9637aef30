"""Does a write once, however often it is sent with its idempotency key: in memory, and in the storage for a restart.

What is kept in the storage has no secrets: whoever repeats, after a restart, the request for a key gets the key's
record, with null for what was shown once.
"""

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from twisted.logger import Logger

from sellia.errors import ProblemError
from sellia.problems import IDEMPOTENCY_KEY_REUSED
from sellia.server.accounts.operations import Operations
from sellia.server.admin.answers import JSON, PROBLEM_JSON, Answer, refusal
from sellia.server.admin.idempotency import Idempotency, Ticket
from sellia.storage.records import Answer as StoredAnswer

#: Status from which on an answer is an error.
_ERROR: Final = 400

_log = Logger()


class Once:
    """Writes with idempotency keys; ``seconds`` is a clock that never goes back."""

    def __init__(self, operations: Operations, seconds: Callable[[], float]) -> None:
        self._operations = operations
        self._seconds = seconds
        self._memory = Idempotency()

    async def do(
        self, caller: str, token: str, request: bytes, secrets: Sequence[str], work: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """Return the answer that ``request`` had, or else what ``work`` answers.  Raises ProblemError."""
        begun = self._memory.begin(caller, token, request, self._seconds())
        if not isinstance(begun, Ticket):
            return begun
        answer = None
        try:
            digest = hashlib.sha256(request).digest()
            answer = await self._stored(caller, token, digest)
            if answer is None:
                try:
                    answer = await work()
                except ProblemError as error:
                    answer = refusal(error)
                await self._store(caller, token, digest, answer, secrets)
        finally:
            begun.settle(answer)
        return answer

    async def _stored(self, caller: str, token: str, digest: bytes) -> Answer | None:
        found = await self._operations.answer(caller, token)
        if found is None:
            return None
        if found.request != digest:
            raise ProblemError(IDEMPOTENCY_KEY_REUSED)
        kind = PROBLEM_JSON if found.status >= _ERROR else JSON
        headers = ((b"Content-Type", kind),) if found.body else ()
        return Answer(found.status, headers, found.body)

    async def _store(self, caller: str, token: str, digest: bytes, answer: Answer, secrets: Sequence[str]) -> None:
        if answer.status >= 500 or answer.status == 429 or answer.stream is not None:
            return
        body = _without(answer.body, secrets) if answer.status < _ERROR else answer.body
        at = self._operations.parts.today()
        try:
            await self._operations.keep_answer(StoredAnswer(caller, token, digest, answer.status, body, at))
        except ProblemError as error:
            _log.warn("an answer is not kept for who repeats its request: {reason}", reason=str(error))


def _without(body: bytes, secrets: Sequence[str]) -> bytes:
    """Return an object in JSON with null for its secrets."""
    if not secrets:
        return body
    value: dict[str, Any] = json.loads(body)
    return json.dumps(value | dict.fromkeys(secrets)).encode() + b"\n"
