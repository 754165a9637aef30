"""Causes on the wire: what one end tells the other of why something ends (`sellia.protocol.messages.Why`).

Strict about what is believed: a party that is none, a word that could not be one, a number that is not finite, and what
exceeds the bounds of a cause are as if they had not been said.
"""

import re
from math import isfinite
from typing import Final, cast

from sellia.protocol.messages import NO_WHY, Why
from sellia.why.cause import EVIDENCE, FACT_SHOWN, PARTIES, Cause, Fact, Party, facts
from sellia.why.websocket import Told

_WORD: Final = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}\Z")


def why_of(cause: Cause | None) -> Why:
    """Return what the other end is told of a cause."""
    return NO_WHY if cause is None else Why(cause.who, cause.what, dict(cause.evidence))


def believed(why: Why | None) -> Told | None:
    """Return what is believed of what the other end says, if it says anything; None where that is nothing."""
    if why is None or why.who not in PARTIES or _WORD.match(why.what) is None:
        return None
    known: dict[str, Fact] = {}
    for name, fact in why.evidence.items():
        if len(known) < EVIDENCE and _NAME.match(name) is not None and _sound(fact):
            known[name] = fact
    return Told(cast(Party, why.who), why.what, facts(**known))


def _sound(fact: Fact) -> bool:
    if isinstance(fact, str):
        return len(fact) <= FACT_SHOWN * 4
    return isfinite(fact) and abs(fact) < 1e15
