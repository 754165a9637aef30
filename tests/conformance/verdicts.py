"""What the fuzzer said about each case, and where two runs of the same cases differ."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

PASSING = frozenset({"OK", "NON-STRICT", "INFORMATIONAL"})
"""Autobahn's labels for a case that is not held against the peer."""

NO_DEFLATE = frozenset({"12", "13"})
"""The case groups that a peer without permessage-deflate answers, rightly, with ``UNIMPLEMENTED``."""

WIRELOG_LINES = 40
WIRELOG_WIDTH = 160


@dataclass(frozen=True)
class Verdict:
    """One case's outcome: Autobahn's labels for the exchange and the close, and what explains them."""

    case: str
    behavior: str
    behavior_close: str
    milliseconds: int = 0
    explanation: str = ""
    remote_close: int | None = None
    response: str = ""
    wirelog: list[str] = field(default_factory=list)

    @property
    def label(self) -> str:
        return f"{self.behavior} / {self.behavior_close}"

    def passes(self, deflate: bool) -> bool:
        """Whether a correct echo, deflating or not, gets this verdict."""
        if not deflate and self.case.split(".")[0] in NO_DEFLATE:
            return self.behavior == "UNIMPLEMENTED" and self.behavior_close == "OK"
        return self.behavior in PASSING and self.behavior_close in PASSING


@dataclass(frozen=True)
class Difference:
    """A case whose verdict through the tunnel is not the one without it. None: the case gave no verdict at all."""

    case: str
    direct: Verdict | None
    tunnelled: Verdict | None


def case_order(case: str) -> tuple[int, ...]:
    """The order of the suite: 1.2.9 before 1.2.10."""
    return tuple(int(part) for part in case.split("."))


def differences(direct: Iterable[Verdict], tunnelled: Iterable[Verdict]) -> list[Difference]:
    """Every case that is not in both runs with the same two labels."""
    one = {verdict.case: verdict for verdict in direct}
    other = {verdict.case: verdict for verdict in tunnelled}
    found = []
    for case in sorted(one.keys() | other.keys(), key=case_order):
        left, right = one.get(case), other.get(case)
        if left is None or right is None or left.label != right.label:
            found.append(Difference(case, left, right))
    return found


def close_code_changes(direct: Iterable[Verdict], tunnelled: Iterable[Verdict]) -> list[str]:
    """
    Cases with the same verdict, but with another close code from the peer, as ``3.1: 1002 -> none``.

    The suite does not hold it against a peer when it ends without a close frame, so this is not a `Difference`; but the
    tunnel promises the code that the other end has sent.
    """
    codes = {verdict.case: verdict for verdict in direct}
    return [
        f"{verdict.case}: {codes[verdict.case].remote_close or 'none'} -> {verdict.remote_close or 'none'}"
        for verdict in sorted(tunnelled, key=lambda verdict: case_order(verdict.case))
        if verdict.case in codes
        and codes[verdict.case].label == verdict.label
        and codes[verdict.case].remote_close != verdict.remote_close
    ]


def table(found: Sequence[Difference]) -> str:
    """The differences for reading: a line for each case, then what explains each, with the end of its wire log."""
    rows = [("case", "direct", "through the tunnel")]
    rows += [(item.case, _label(item.direct), _label(item.tunnelled)) for item in found]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    for item in found:
        for where, verdict in (("direct", item.direct), ("through the tunnel", item.tunnelled)):
            if verdict is not None:
                lines += ["", f"{item.case} {where}: {verdict.explanation}", *(f"    {e}" for e in verdict.wirelog)]
    return "\n".join(lines)


def wirelog_extract(wirelog: Sequence[object]) -> list[str]:
    """The last entries of a fuzzer's wire log, each cut to a readable width."""
    return [entry[:WIRELOG_WIDTH] for entry in map(repr, wirelog[-WIRELOG_LINES:])]


def save(path: Path, verdicts: Iterable[Verdict]) -> None:
    """Write verdicts as JSON, in the order of the suite."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ordered = sorted(verdicts, key=lambda verdict: case_order(verdict.case))
    path.write_text(json.dumps([asdict(verdict) for verdict in ordered], indent=1) + "\n")


def load(path: Path) -> list[Verdict]:
    """Read what `save` wrote; no file means no verdicts."""
    if not path.exists():
        return []
    entries: list[Mapping[str, object]] = json.loads(path.read_text())
    return [Verdict(**entry) for entry in entries]  # type: ignore[arg-type]


def _label(verdict: Verdict | None) -> str:
    return "no verdict" if verdict is None else verdict.label
