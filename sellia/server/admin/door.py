"""Door of the admin API: whose key a request shows, and how often its owner asks."""

from math import ceil
from typing import Any

from twisted.web.server import Request

from sellia.errors import ProblemError
from sellia.problems import KEY_REQUIRED
from sellia.relay.limits.token_bucket import Buckets, Rate
from sellia.server.accounts.operations import Caller, Operations
from sellia.server.admin.site import address_of
from sellia.server.limiter import Limiter
from sellia.server.settings import ServerSettings


class Door:
    """Admits actors.  ``operations`` judges keys, and counts those that are wrong by address as the gateway does."""

    def __init__(self, operations: Operations, settings: ServerSettings, guard: Limiter, clock: Any) -> None:
        self._operations = operations
        self._guard = guard
        self._clock = clock
        self._calls: Buckets[str] | None = None
        self.set_limits(settings)

    def set_limits(self, settings: ServerSettings) -> None:
        """Apply other limits from now on."""
        if not settings.rate_limit:
            self._calls = None
            return
        rate = Rate(settings.admin_burst, settings.admin_rate)
        if self._calls is None:
            self._calls = Buckets(rate)
        self._calls.set_rate(rate)

    async def admit(self, key: str | None, request: Request) -> Caller:
        """Return whose key it is.  Raises ProblemError for one that opens nothing, or for none."""
        if key is None:
            raise ProblemError(KEY_REQUIRED)
        return await self._operations.authenticate(key, address_of(request))

    def check_rate(self, caller: Caller, request: Request) -> None:
        """Count a call of the caller.  Raises ProblemError where there are too many."""
        if self._calls is None:
            return
        wait = self._calls.take(caller.actor.key_id, self._clock.seconds())
        if wait:
            detail = f"This key makes more calls than rates.admin allows; try again in {ceil(wait)} s."
            raise self._guard.too_often("admin_calls", address_of(request), wait, detail)
