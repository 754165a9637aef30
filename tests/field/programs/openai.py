"""OpenAI's Python library against a stub that thinks for longer than 30 s, and one that streams."""

from __future__ import annotations

from tests.field.install import Pip
from tests.field.program import Kit, Outcome, Program, Way, outcome_of

THINKS = 33.0
"""Seconds before the head of the answer: the one long wait of a run, once for each play."""


def serve(kit: Kit) -> int:
    port = kit.free_port()
    kit.start(kit.python, kit.app("openai_stub.py"), port, THINKS, port=port)
    return port


def visit(way: Way) -> Outcome:
    output = way.run(way.kit.python, way.kit.app("openai_visitor.py"), way.url("/v1"), line="asked")
    return outcome_of(output)


PROGRAM = Program(
    "openai",
    "OpenAI's Python library",
    f"an answer without streaming whose head comes after {THINKS:g} s, and a streamed one",
    serve,
    visit,
    needs=Pip("openai==3.51.0"),
    notes="the library repeats a POST that was answered with 5xx: the service counts the requests",
)
