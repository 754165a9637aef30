"""Door of the admin API: whose key a request shows, and how often its owner asks."""

from math import ceil
from typing import Any, Final

from twisted.web.server import Request

from sellia.errors import ProblemError
from sellia.problems import FORBIDDEN, KEY_REQUIRED
from sellia.relay.limits.token_bucket import Buckets, Rate
from sellia.server.accounts.grants import ADMIN_READ, ADMIN_WRITE
from sellia.server.accounts.operations import Caller, Operations
from sellia.server.admin.answers import status_of
from sellia.server.admin.browser import Browser
from sellia.server.admin.sign_ins import LASTS, SignIns
from sellia.server.admin.site import address_of
from sellia.server.limiter import Limiter
from sellia.server.settings import ServerSettings

#: Status of problems with a key that opens nothing, now or ever.
_NO_KEY: Final = 401


class Door:
    """Admits actors.  ``operations`` judges keys, and counts those that are wrong by address as the gateway does."""

    def __init__(self, operations: Operations, settings: ServerSettings, guard: Limiter, clock: Any) -> None:
        self._operations = operations
        self._guard = guard
        self._clock = clock
        self._calls: Buckets[str] | None = None
        self.sign_ins = SignIns()
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

    async def admit(self, key: str | None, browser: Browser, *, writes: bool) -> Caller:
        """Return whose key it is; without one, whose the browser's cookie stands for.

        Raises ProblemError for one that opens nothing, or for none, and for a cookie that another page makes use of.
        """
        if key is not None:
            return await self._operations.authenticate(key, browser.address)
        token = browser.token
        if token is None:
            raise ProblemError(KEY_REQUIRED)
        browser.check_origin(needed=writes)
        found = self.sign_ins.find(token, self._clock.seconds())
        if found is None:
            raise ProblemError(KEY_REQUIRED, "The sign-in is over: sign in again.")
        try:
            return await self._operations.authenticate(found.key, browser.address)
        except ProblemError as error:
            if status_of(error.problem) == _NO_KEY:
                self.sign_ins.end(token)  # asked for again, it would count as a guess each time
            raise

    async def sign_in(self, key: str, browser: Browser) -> tuple[Caller, bytes]:
        """Return whose key it is, and the cookie that stands for it.  Raises ProblemError."""
        browser.check_origin(needed=False)
        caller = await self._operations.authenticate(key, browser.address)
        if not caller.scopes & {ADMIN_READ, ADMIN_WRITE}:
            raise ProblemError(FORBIDDEN, f"The key lacks the scope {ADMIN_READ}, which the page asks for.")
        if browser.token is not None:
            self.sign_ins.end(browser.token)
        token = self.sign_ins.begin(key, caller.actor.key_id, self._clock.seconds())
        return caller, browser.cookie(token, LASTS)

    def sign_out(self, browser: Browser) -> bytes:
        """End the sign-in of a browser; return what takes its cookie away.  Raises ProblemError."""
        token = browser.token
        browser.check_origin(needed=token is not None)
        if token is not None:
            self.sign_ins.end(token)
        return browser.cookie("", 0)

    def seconds_left(self, browser: Browser) -> float:
        """Return the seconds until the sign-in of a browser ends."""
        now = self._clock.seconds()
        found = self.sign_ins.find(browser.token or "", now)
        return found.left(now) if found is not None else 0.0

    def check_rate(self, caller: Caller, request: Request) -> None:
        """Count a call of the caller.  Raises ProblemError where there are too many."""
        if self._calls is None:
            return
        wait = self._calls.take(caller.actor.key_id, self._clock.seconds())
        if wait:
            detail = f"This key makes more calls than rates.admin allows; try again in {ceil(wait)} s."
            raise self._guard.too_often("admin_calls", address_of(request), wait, detail)
