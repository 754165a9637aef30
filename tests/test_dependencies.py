"""What Sellia asks for has no known advisory: the floors in ``setup.py`` lie at or above the versions that mended them.

A list kept here, because whoever builds this may reach no advisory database.  Where one can be reached, ``pip-audit``
knows more.
"""

import ast
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

SETUP = Path(__file__).resolve().parent.parent / "setup.py"

#: The first version of each that is free of what is known.
FLOORS = {"twisted": "26.10", "autobahn": "26.10.1", "h11": "0.16", "msgpack": "1.2.1"}

_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[a-z]+\])?>=([0-9.]+)")


def declared() -> dict[str, str]:
    """The floors in ``setup.py``, by lower-case name."""
    texts = [node.value for node in ast.walk(ast.parse(SETUP.read_text("utf-8"))) if isinstance(node, ast.Constant)]
    found = [_REQUIREMENT.fullmatch(text) for text in texts if isinstance(text, str)]
    return {match[1].lower(): match[2] for match in found if match is not None}


def release(text: str) -> tuple[int, ...]:
    """A version's numbers, with zeros at the end that make no difference cut off."""
    numbers = [int(each) for each in re.findall(r"\d+", re.match(r"[\d.]*", text)[0])]  # type: ignore[index]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


class FloorTests(SynchronousTestCase):
    """Floors, and what is installed here."""

    def test_what_is_declared(self) -> None:
        floors = declared()
        for name, least in FLOORS.items():
            self.assertIn(name, floors)
            self.assertGreaterEqual(release(floors[name]), release(least), name)

    def test_what_is_installed(self) -> None:
        for name, least in declared().items():
            try:
                found = version(name)
            except PackageNotFoundError:
                continue  # of an extra that is not installed
            self.assertGreaterEqual(release(found), release(least), name)

    def test_everything_has_a_floor(self) -> None:
        """A requirement without one can bring any version, and with it any advisory."""
        self.assertGreater(len(declared()), 20)
        for line in SETUP.read_text("utf-8").splitlines():
            if re.fullmatch(r'\s+"[A-Za-z][A-Za-z0-9._-]*(\[[a-z]+\])?",', line) and "twisted.plugins" not in line:
                self.fail(f"no floor: {line.strip()}")

    def test_versions_are_compared_as_numbers(self) -> None:
        self.assertLess(release("0.9"), release("0.16"))
        self.assertEqual(release("26.10.0"), release("26.10"))
        self.assertGreater(release("1.2.1rc1"), release("1.2"))
