"""Calls of the admin page alone: sign in with an admin key, which becomes a cookie, and sign out."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from sellia.errors import ProblemError
from sellia.problems import FORBIDDEN, KEY_REQUIRED, TOO_MANY_ATTEMPTS, WRONG_KEY
from sellia.server.accounts.operations import Caller
from sellia.server.admin.answers import Answer, answer_of, status_of
from sellia.server.admin.calls.shared import now
from sellia.server.admin.models import NewSignIn
from sellia.server.admin.reports import SignInReport
from sellia.server.admin.routes import ROOT, Call, Route, Scope
from sellia.server.admin.sign_ins import LASTS
from sellia.storage.records import Event

_SIGNED_OUT: Final = SignInReport(signed_in=False, prefix=None, account=None, scopes=[], ends_at=None)


def _report(call: Call, caller: Caller, seconds: float) -> SignInReport:
    return SignInReport(
        signed_in=True,
        prefix=caller.actor.key_prefix,
        account=caller.actor.account_id,
        scopes=sorted(caller.scopes),
        ends_at=now(call) + timedelta(seconds=seconds),
    )


async def show_sign_in(call: Call) -> SignInReport:
    """Return who the cookie stands for; that it stands for nobody is no error."""
    try:
        caller = await call.door.admit(None, call.browser, writes=False)
    except ProblemError as error:
        if status_of(error.problem) == KEY_REQUIRED.status:
            return _SIGNED_OUT
        raise
    return _report(call, caller, call.door.seconds_left(call.browser))


async def sign_in(call: Call) -> Answer:
    """Give the browser a cookie that stands for a key."""
    body: NewSignIn = call.body
    caller, cookie = await call.door.sign_in(body.key, call.browser)
    actor, parts = caller.actor, call.operations.parts
    parts.recorder.event(
        Event(now(call), "admin.signed_in", actor.account_id, actor.key_prefix, actor.address, actor.key_id, {})
    )
    answer = answer_of(_report(call, caller, LASTS), 200)
    return replace(answer, headers=(*answer.headers, (b"Set-Cookie", cookie)))


async def sign_out(call: Call) -> Answer:
    """End the sign-in, and take the cookie away."""
    return Answer(204, ((b"Set-Cookie", call.door.sign_out(call.browser)),), b"")


_PATH: Final = f"{ROOT}sign-in"

ROUTES: Final = (
    Route("GET", _PATH, "showSignIn", "Show who is signed in.", Scope.NOBODY, show_sign_in, SignInReport),
    Route(
        *("POST", _PATH, "signIn", "Sign in with an admin key.", Scope.NOBODY, sign_in, SignInReport),
        body=NewSignIn,
        problems=(WRONG_KEY, FORBIDDEN, TOO_MANY_ATTEMPTS),
    ),
    Route(
        *("DELETE", _PATH, "signOut", "Sign out.", Scope.NOBODY, sign_out),
        status=204,
        problems=(FORBIDDEN,),
    ),
)
