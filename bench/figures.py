"""Medians, what must be reached, and the report."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from statistics import median
from typing import TypeVar

_Item = TypeVar("_Item")

PACKAGES = ("twisted", "autobahn", "httptools", "msgspec", "sqlalchemy")


@dataclass(frozen=True)
class Goal:
    """A figure that Sellia must reach: at least ``limit``, or at most that."""

    what: str
    value: float
    limit: float
    at_least: bool
    unit: str = "x"
    aim: float | None = None

    @property
    def reached(self) -> bool:
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def cells(self) -> list[str]:
        bound = f"{'>=' if self.at_least else '<='} {self.limit:g} {self.unit}"
        if self.aim is not None:
            bound += f" (aim: {self.aim:g})"
        return [self.what, f"{self.value:.2f} {self.unit}", bound, "yes" if self.reached else "**no**"]


@dataclass
class Table:
    """One measurement's figures, with a line that says how they came about."""

    title: str
    note: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)

    def markdown(self) -> str:
        return f"### {self.title}\n\n{self.note}\n\n{markdown_table(self.columns, self.rows)}\n"


@dataclass
class Findings:
    """What one section of the bench found."""

    goals: list[Goal] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


def middle(items: Iterable[_Item], value: Callable[[_Item], float]) -> float:
    """The median of a figure over rounds."""
    return median(map(value, items))


def spread(items: Iterable[_Item], value: Callable[[_Item], float], digits: int = 0) -> str:
    """The median, and the lowest and highest: ``12,300 (11,900-12,500)``."""
    values = sorted(map(value, items))
    low, mid, high = (f"{figure:,.{digits}f}" for figure in (values[0], median(values), values[-1]))
    return f"{mid} ({low}-{high})"


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns but the first are set flush right."""
    lines = [list(columns), ["---", *("---:" for _ in columns[1:])], *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def report(findings: Sequence[Findings], plan: str) -> str:
    """All findings as one page of Markdown."""
    goals = [goal.cells() for finding in findings for goal in finding.goals]
    tables = [table.markdown() for finding in findings for table in finding.tables]
    parts = [
        "# What Sellia costs\n",
        "Written by `make bench`. All figures are from one run on one machine, by turns with the yardsticks they are",
        "compared with; read them as ratios. Before a range in brackets, which is all rounds, stands the median.",
        f"\n{plan}\n",
        "## What it must reach\n",
        markdown_table(("what", "measured", "must be", "reached"), goals) + "\n",
        "## Figures\n",
        "\n".join(tables),
        "## Measured with\n",
        markdown_table(("what", "version"), versions()) + "\n",
    ]
    return "\n".join(parts)


def versions() -> list[tuple[str, str]]:
    """Everything whose version a figure may depend on."""
    rows = [("kernel", platform.release()), ("cores", str(len(os.sched_getaffinity(0))))]
    rows += [("Python", platform.python_version())]
    rows += [(package, version(package)) for package in PACKAGES]
    rows += [("nginx", _printed("nginx", "-v")), ("wrk", _printed("wrk", "-v"))]
    rows += [("Autobahn's native code (NVX)", _nvx())]
    return rows


def _printed(name: str, flag: str) -> str:
    executable = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if executable is None:
        return "not installed"
    done = subprocess.run([executable, flag], check=False, capture_output=True, text=True)
    found = re.search(r"\d+\.\d+(\.\d+)?", done.stderr + done.stdout)
    return found[0] if found else "unknown"


def _nvx() -> str:
    code = "import autobahn.websocket as w; print(w.USES_NVX)"
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    return {"True": "in use", "False": "not in use"}.get(done.stdout.strip(), "unknown")
