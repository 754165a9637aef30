"""The record of an end that is not plainly good: who caused it, what it was, what shows that, what to do.

Need
    A visitor sees 1006, its owner sees "closed", and neither learns why.  The two ends of Sellia know different
    halves, so each makes a record from what it knows and what the other end has told it (``ending``, ``reset``,
    ``notice``), and both give it the same `id`, by which it is found in the client's lines, its JSON, its inspector,
    and both logs.

Invariants
    * An end has at most one record, and a plainly good one has none: nothing is made for it.
    * `who` is one of ``PARTIES``.  What is not known is ``unknown``, never a guess; what an end knows of both suspects
      is in the evidence.
    * `what` is a stable word: a code of `sellia.problems`, or one of `sellia.why.words`.

Bounds
    ``EVIDENCE`` facts at most, each a number, or a text of ``FACT_SHOWN`` characters.

Ids
    The first bytes of the session's token, which both ends know and their logs show, and the number of what has ended:
    ``9f3a61c2-14`` is stream 14.  So no id travels, and an older peer changes nothing.  What has no stream has a letter
    in front of its number: ``n`` a notice, ``t`` a tunnel's claim, ``l`` a loss of the link.

Designs not chosen
    *An id that is made at random by one end*: the other end needs it in every message that can end something, and an
    older one would not have it.  *A text instead of facts*: scripts would read prose.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias, get_args

from sellia.text import printable, without_secrets

#: Who has caused an end: ``client`` and ``server`` are the two programs of Sellia, ``link`` is what is between them.
Party: TypeAlias = Literal["visitor", "proxy", "server", "link", "client", "service", "unknown"]

#: All of them.
PARTIES: Final[tuple[str, ...]] = get_args(Party)

#: A fact of the evidence: a count, seconds, or a text.
Fact: TypeAlias = int | float | str

#: Facts of a cause, and characters of one, at most.
EVIDENCE: Final = 24
FACT_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Cause:
    """Cause of one end.  ``sentence`` says all of it for people; ``remedy`` is empty where there is nothing to do.

    Text may come from outside: whoever shows it escapes it.
    """

    id: str
    who: Party
    what: str
    sentence: str
    remedy: str = ""
    evidence: Mapping[str, Fact] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return it for JSON, with the names that scripts rely on."""
        return {
            "id": self.id,
            "who": self.who,
            "what": self.what,
            "sentence": self.sentence,
            "remedy": self.remedy,
            "evidence": dict(self.evidence),
        }


def blamed(who: Party) -> str:
    """Return who it was as people read it."""
    return {"unknown": "nobody knows who", "proxy": "a proxy in front", "visitor": "the visitor"}.get(who, f"the {who}")


def session_name(token: bytes) -> str:
    """Return the name of a session: the first bytes of its token, too few to guess the rest."""
    return token[:4].hex()


def cause_id(session: str, number: int, kind: str = "") -> str:
    """Return the id of what has ended in a session; ``kind`` is empty for a stream."""
    return f"{session or '-'}-{kind}{number}"


def facts(**known: Fact | None) -> dict[str, Fact]:
    """Return evidence: what is known of the facts, with texts cut short and without secrets."""
    told = {
        name: without_secrets(printable(fact, FACT_SHOWN)) if isinstance(fact, str) else fact
        for name, fact in known.items()
        if fact is not None and fact != ""
    }
    while len(told) > EVIDENCE:
        told.popitem()
    return told
