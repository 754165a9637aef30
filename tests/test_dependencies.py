"""What Sellia asks for has no known advisory: the floors in ``setup.py`` lie at or above the versions that mended them.

A list kept here, because whoever builds this may reach no advisory database.  Where one can be reached, ``pip-audit``
knows more.
"""

import ast
import re
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from twisted.trial.unittest import SynchronousTestCase

SETUP = Path(__file__).resolve().parent.parent / "setup.py"

#: The first version of each that is free of what is known, for all that had an advisory: ours, and what they bring.
FLOORS = {
    "autobahn": "26.10.1",
    "brotli": "1.2",
    "cbor2": "5.9",
    "cryptography": "50.0",
    "h11": "0.16",
    "idna": "3.7",
    "jinja2": "3.1.6",
    "mako": "1.3.12",
    "markdown-it-py": "2.2",
    "msgpack": "1.2.1",
    "multipart": "1.3.1",
    "pydantic": "2.4",
    "pygments": "2.20",
    "pyopenssl": "26.0",
    "pyyaml": "5.4",
    "setuptools": "78.1.1",
    "twisted": "26.10",
    "ujson": "5.12",
    "websockets": "9.1",
}

#: What else is installed with Sellia, and has had none.
CLEAN = frozenset(
    """
    alembic annotated-types attrs automat cffi click constantly httptools hyperlink incremental markupsafe mdurl
    msgspec packaging pycparser pydantic-core rich segno sellia service-identity sqlalchemy treq txaio
    typing-extensions typing-inspection zope-interface zstandard
    """.split()
)

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


def brought() -> set[str]:
    """All that an installation of Sellia has, by what the installed packages say that they require."""
    found: set[str] = set()
    left = ["sellia"]
    while left:
        name = canonicalize_name(left.pop())
        if name in found:
            continue
        found.add(name)
        for text in requires(name) or ():
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                left.append(requirement.name)
                left += [*_of_extras(requirement)]
    return found


def _of_extras(requirement: Requirement) -> Iterator[str]:
    """What the extras of a requirement ask for."""
    for extra in requirement.extras:
        for text in requires(requirement.name) or ():
            needed = Requirement(text)
            if needed.marker is not None and needed.marker.evaluate({"extra": extra}):
                yield needed.name


def imported() -> set[str]:
    """The packages whose modules Sellia imports."""
    found: set[str] = set()
    owners = packages_distributions()
    for path in (SETUP.parent / "sellia").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module]
            for name in names:
                found |= {canonicalize_name(owner) for owner in owners.get(name.partition(".")[0], [])}
    # pydantic asks for exactly one pydantic-core; of the namespace zope, only zope.interface is imported
    return found - {"sellia", "pydantic-core", "zope-event", "zope-schema"}


class FloorTests(SynchronousTestCase):
    """Floors, and what is installed here."""

    def test_what_is_declared(self) -> None:
        floors = declared()
        for name, least in FLOORS.items():
            self.assertIn(name, floors)
            self.assertGreaterEqual(release(floors[name]), release(least), name)

    def test_all_that_is_brought_along_was_looked_at(self) -> None:
        """A package that is new here belongs into one of the lists."""
        self.assertEqual(brought() - set(FLOORS) - CLEAN, set())
        self.assertGreater(len(brought()), 25)

    def test_all_that_is_imported_is_declared(self) -> None:
        self.assertEqual(imported() - {canonicalize_name(name) for name in declared()}, set())
        self.assertGreater(len(imported()), 10)

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
        _, begun, requirements = SETUP.read_text("utf-8").partition("install_requires=")
        self.assertTrue(begun)
        for line in requirements.splitlines():
            if re.fullmatch(r'\s+"[A-Za-z][A-Za-z0-9._-]*(\[[a-z]+\])?",', line):
                self.fail(f"no floor: {line.strip()}")

    def test_versions_are_compared_as_numbers(self) -> None:
        self.assertLess(release("0.9"), release("0.16"))
        self.assertEqual(release("26.10.0"), release("26.10"))
        self.assertGreater(release("1.2.1rc1"), release("1.2"))
