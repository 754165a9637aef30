"""Every value in a ``name=value`` field of a log line has been through `field`, or is a number or a word of ours."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

SOURCE = Path(__file__).parent.parent / "sellia"

LEVELS = {"debug", "info", "warn", "error", "critical"}

#: What makes a field of a value.
RENDERED = {"field", "defect", "len"}

#: Names of fields that are numbers, or words that the code has.
PLAIN = {
    *(
        "answer",
        "answered",
        "attempts",
        "dropped",
        "ended",
        "bytes_in",
        "bytes_out",
        "by",
        "came",
        "code",
        "connections",
        "fin",
        "frames_in",
        "frames_out",
        "id",
        "limit",
    ),
    *(
        "messages",
        "bytes",
        "opcode",
        "resumed",
        "rsv",
        "sender",
        "size",
        "status",
        "streams",
        "took_over",
        "went",
        "suppressed",
    ),
}


def calls(path: Path) -> Iterator[ast.Call]:
    """The calls of a module that log something."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            owner = node.func.value
            if getattr(owner, "id", getattr(owner, "attr", "")) == "_log":
                yield node


def bare(call: ast.Call) -> list[str]:
    """The names of the call's fields whose values are taken as they are."""
    format = call.args[0]
    text = format.value if isinstance(format, ast.Constant) else None
    found = []
    for each in call.keywords:
        name = each.arg or ""
        if isinstance(text, str) and not re.search(rf"=\{{{name}\}}", text):
            continue  # words of a sentence, or a number with a format of its own
        rendered = isinstance(each.value, ast.Call) and getattr(each.value.func, "id", "") in RENDERED
        if not (rendered or name in PLAIN):
            found.append(name)
    return found


class FieldTests(SynchronousTestCase):
    def test_all_lines(self) -> None:
        looked_at = 0
        for path in SOURCE.rglob("*.py"):
            for call in calls(path):
                looked_at += 1
                where = f"{path.relative_to(SOURCE)}:{call.lineno}"
                self.assertEqual(bare(call), [], f"{where}: use sellia.text.field")
        self.assertGreater(looked_at, 30)

    def test_what_it_finds(self) -> None:
        for code, names in (
            ('_log.info("a: peer={peer}", peer=link.remote)', ["peer"]),
            ('_log.info("a: peer={peer}", peer=field(link.remote))', []),
            ('_log.info("a: seconds={seconds:.3f}", seconds=x)', []),
            ("_log.info(format, reason=reason)", ["reason"]),
            ('self._log.warn("{line} {hint}", line=a, hint=b)', []),
        ):
            statement = ast.parse(code).body[0]
            assert isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
            self.assertEqual(bare(statement.value), names)
