"""Causes of losses of the link, and of refusals that concern a client, a tunnel or a visitor before any stream.

A link that falls silent is the network's fault: both ends ping, and each hears of a process that ends.  One that breaks
off may be either's, and nobody can tell.
"""

import re
from dataclasses import replace
from typing import Final

from sellia.problems import Problem
from sellia.why.cause import Cause, Fact, Party, facts
from sellia.why.words import blame, remedy

_SILENT: Final = re.compile(r"nothing came from the other side for (\d+) s")
_CLOSED: Final = re.compile(r"the other side closed it with code (\d+)")
_SLEPT: Final = "the machine has slept"
_BROKEN: Final = "the connection broke off"


def link_cause(id: str, reason: str, here: Party, **known: Fact | None) -> Cause:
    """Return why a link was lost, or could not be made; ``reason`` is what it says itself, ``here`` this program."""
    there: Party = "server" if here == "client" else "client"
    sentence = f"{reason[:1].upper()}{reason[1:].rstrip('.')}."
    if silent := _SILENT.match(reason):
        sentence = f"Nothing came from the {there} for {silent[1]} s, and its pings were not answered."
        return _cause(id, "link", "link-silent", sentence, silent=int(silent[1]), pings="unanswered", **known)
    if closed := _CLOSED.match(reason):
        return _cause(id, there, "link-closed", sentence, code=int(closed[1]), reason=reason, **known)
    if reason == _SLEPT:
        return _cause(id, here, "slept", sentence, **known)
    if reason.startswith(_BROKEN):
        return _cause(id, "unknown", "link-lost", sentence, how=reason, **known)
    return _cause(id, "unknown", "link-failed", sentence, how=reason, **known)


def refusal_cause(id: str, problem: Problem, message: str, **known: Fact | None) -> Cause:
    """Return why the server has refused a visitor's request, with this problem."""
    sentence = (message or problem.sentence or f"The server refused it: {problem.code}").rstrip(".") + "."
    return Cause(id, blame(problem, "server"), problem.code, sentence, problem.remedy, facts(**known))


def opening_cause(id: str, problem: Problem, message: str, **known: Fact | None) -> Cause:
    """Return why the server has refused a client or a tunnel, with this problem: no visitor has to do with it."""
    cause = refusal_cause(id, problem, message, **known)
    return replace(cause, who="client") if cause.who == "visitor" else cause


def _cause(id: str, who: Party, what: str, sentence: str, **known: Fact | None) -> Cause:
    return Cause(id, who, what, sentence, remedy(what, who), facts(**known))
