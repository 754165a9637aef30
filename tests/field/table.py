"""The table of results: for a terminal, and as the part of ``docs/field.rst`` that is generated."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.field.play import Result
from tests.processes import ROOT

DOCUMENT = ROOT / "docs" / "field.rst"
BEGIN = ".. The table below is written by ``python -m tests.field --write``.\n"

COLUMNS = ("program", "version", "what was tried", "directly", "through the tunnel", "with link cuts", "notes")


def rows(results: Iterable[Result]) -> list[tuple[str, ...]]:
    """One row for each program."""
    return [
        (
            result.title,
            result.version or "-",
            result.tried,
            *(result.cell(play) for play in ("direct", "tunnel", "cut")),
            f"skipped: {result.troubles[0]}" if result.verdict == "skipped" else result.notes or "-",
        )
        for result in results
    ]


def lines(results: Iterable[Result]) -> list[str]:
    """The table for a terminal: a line for each program, and each trouble below it."""
    text = []
    for result in results:
        text.append(f"{result.verdict:8} {result.name:16} {result.version:12} {result.seconds:5.1f} s  {result.tried}")
        if result.outcomes:
            cells = {play: result.cell(play) for play in result.outcomes}
            text += [textwrap.shorten(f"{play:>8} {cell}", 200) for play, cell in cells.items()]
        for trouble in result.troubles:
            text += [f"         ! {line}" for line in trouble.strip().splitlines()]
    return text


def read_rows(text: str) -> dict[str, tuple[str, ...]]:
    """The rows that a document's table has, by program."""
    found: dict[str, tuple[str, ...]] = {}
    row: list[str] = []
    for line in text.partition(BEGIN)[2].splitlines():
        if line.startswith("   * - "):
            row = [line[7:]]
        elif line.startswith("     - "):
            row.append(line[7:])
            if len(row) == len(COLUMNS):
                found[row[0]] = tuple(row)
    found.pop(COLUMNS[0], None)
    return found


def list_table(table: Sequence[Sequence[str]]) -> str:
    """A reStructuredText list table."""
    text = [BEGIN, ".. list-table::", "   :header-rows: 1", ""]
    for row in (COLUMNS, *table):
        for number, cell in enumerate(row):
            text.append(f"{'   * - ' if number == 0 else '     - '}{escaped(cell)}")
    return "\n".join(text) + "\n"


def escaped(cell: str) -> str:
    """A cell's text on one line, with nothing in it that reStructuredText would read as markup."""
    if cell == "-":
        return "\\-"
    text = " ".join(cell.split()).replace("\\", "\\\\")
    for character in "*`|_":
        text = text.replace(character, f"\\{character}")
    return text


def write(results: Iterable[Result], document: Path = DOCUMENT) -> None:
    """Put the results into the document's table; rows of programs that were not played now stay as they were."""
    text = document.read_text()
    known = read_rows(text)
    for row in rows(results):
        new = tuple(escaped(cell) for cell in row)
        skipped = row[-1].startswith("skipped:") and new[0] in known
        if not skipped:
            known[new[0]] = new
    plain = [known[name] for name in sorted(known, key=str.lower)]
    body = [BEGIN, ".. list-table::", "   :header-rows: 1", ""]
    for row in (COLUMNS, *plain):
        body += [f"{'   * - ' if number == 0 else '     - '}{cell}" for number, cell in enumerate(row)]
    document.write_text(text.partition(BEGIN)[0] + "\n".join(body) + "\n")
