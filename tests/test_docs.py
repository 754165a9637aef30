"""The documents: their pages are in the index, and what they name exists."""

from __future__ import annotations

import dataclasses
import os
import re
import sys
import textwrap
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

from twisted.trial.unittest import SynchronousTestCase

import sellia
from sellia.cli.describe import describe
from sellia.cli.output import Lines
from sellia.cli.screen.layout import rows
from sellia.cli.screen.status import Status
from sellia.cli.settings_files import schema
from sellia.client.events import Connected, Event, RequestFinished, RequestStarted, WebSocketOpened
from sellia.client.settings import ClientSettings, FieldChanges, PathSettings, ProfileSettings, TunnelSettings
from sellia.client.settings import load as load_client
from sellia.client.tap import Options as ClientOptions
from sellia.problems import PROBLEMS
from sellia.server.settings import ServerSettings
from sellia.server.settings import load as load_server
from sellia.server.tap import Options as ServerOptions
from sellia.settings import Settings
from sellia.settings.document import read_document
from tests.test_process import clean_environment

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = {path.stem: path.read_text("utf-8") for path in sorted(DOCS.glob("*.rst"))}
TEXTS = PAGES | {
    name: (ROOT / f"{name}.rst").read_text("utf-8") for name in ("README", "CONTRIBUTING", "SECURITY", "tests/README")
}

MODELS: tuple[type[Settings], ...] = (
    *(ServerSettings, ClientSettings, TunnelSettings, PathSettings, ProfileSettings, FieldChanges),
)


class IndexTests(SynchronousTestCase):
    def test_every_page_is_in_the_index(self) -> None:
        listed = re.findall(r"^   ([a-z-]+)$", PAGES["index"], re.MULTILINE)
        self.assertEqual(sorted(listed), sorted(PAGES.keys() - {"index"}))

    def test_pages_that_are_named_exist(self) -> None:
        for name, text in TEXTS.items():
            for page in re.findall(r"``docs/([a-z-]+)\.rst``", text):
                self.assertIn(page, PAGES, name)


class GeneratedCase(SynchronousTestCase):
    def generated(self, line: str) -> str:
        """A page of one line, as Sphinx is given it."""
        sys.path.insert(0, str(DOCS))
        self.addCleanup(sys.path.remove, str(DOCS))
        generated = import_module("generated")

        source = [line]
        generated.expand(None, "page", source)
        return source[0]


class CommandTests(GeneratedCase):
    """What ``docs/cli.rst`` says of commands: a list that is generated, and prose about each."""

    def test_every_command_and_option_is_listed(self) -> None:
        self.assertIn(".. commands:: sellia\n", PAGES["cli"])
        text = self.generated(".. commands:: sellia")
        for name, each in describe().items():
            if name and "commands" not in each:
                self.assertIn(f"``sellia {name}", text)
            for option in each["options"]:
                self.assertIn(f"    ``{', '.join(option['names'])}", text)

    def test_every_command_is_described(self) -> None:
        for name, each in describe().items():
            if "commands" not in each:
                group, _, last = name.rpartition(" ")
                spelled = f"``sellia {name}\\b|``sellia {group} [^\n]*``{last}``" if group else f"``sellia {name}\\b"
                self.assertRegex(PAGES["cli"], spelled)


class SettingsTests(GeneratedCase):
    def test_every_setting_is_listed(self) -> None:
        for model in MODELS:
            name = f"{model.__module__}.{model.__name__}"
            home = re.sub(r"settings\.(model|tunnel|headers|path)", "settings", name)
            self.assertIn(f".. settings:: {home}\n", PAGES["settings"])
            text = self.generated(f".. settings:: {name}")
            listed = re.findall(r"^``([a-z_.]+)``$", text, re.MULTILINE)
            self.assertEqual(sorted(listed), sorted(map(model.path, model.model_fields)))

    def test_defaults(self) -> None:
        text = self.generated(".. settings:: sellia.server.settings.ServerSettings")
        self.assertIn("Default 3000, flag ``--port``, variable ``SELLIA_PORT``.", text)
        self.assertIn("Default 64 KiB, in Python ``header_limit``.", text)
        self.assertIn("The default is 0.0.0.0, or loopback for localhost.", text)
        self.assertIn("Default true, flag ``--no-rate-limit``, in Python ``rate_limit``.", text)

    def test_modules(self) -> None:
        text = self.generated(".. modules:: sellia.relay.limits")
        self.assertRegex(text, r"(?m)^``token_bucket``\n    [A-Z]")

    def test_examples(self) -> None:
        examples = re.findall(r"^(?:    .+\n|\n(?=    ))+", PAGES["settings"], re.MULTILINE)
        self.assertEqual(len(examples), 6)
        loads: tuple[Callable[..., Any], ...] = (load_server, load_server, *[load_client] * 4)
        flags_of: tuple[dict[str, Any], ...] = ({}, {"open": True}, {}, {"target": 1, "ca": None}, {}, {})
        for text, load, flags in zip(examples, loads, flags_of, strict=True):
            path = os.path.abspath(self.mktemp())
            Path(path).write_text("".join(line[4:] for line in text.splitlines(keepends=True) if line.strip()))
            self.assertTrue(load(flags, {}, path).model_fields_set)

    def test_settings_files_fit_their_schema(self) -> None:
        """Those of the documents, as an editor checks them."""
        examples = re.findall(r"^(?:    .+\n|\n(?=    ))+", PAGES["settings"], re.MULTILINE)
        readme = re.findall(r"``sellia.yaml``.*?::\n\n((?:    [^\n]*\n)+)", TEXTS["README"], re.DOTALL)
        texts = [("server", text) for text in examples[:2]]
        texts += [("client", text) for text in (*examples[2:], *readme)]
        texts.append(("server", (ROOT / "bench" / "server.yaml").read_text("utf-8")))
        for role, text in texts:
            value, _ = read_document(textwrap.dedent(text), lambda *fault: self.fail(str(fault)))
            validator = import_module("jsonschema").Draft202012Validator(schema(role))
            self.assertEqual([each.message for each in validator.iter_errors(value)], [], text)
        self.assertIn("# yaml-language-server: $schema=sellia.schema.json", examples[2])

    def test_settings_that_are_named_exist(self) -> None:
        known = {model.path(name) for model in MODELS for name in model.model_fields}
        known |= {path.rpartition(".")[0] for path in known}
        groups = "|".join({path.partition(".")[0] for path in known if "." in path})
        sources = {name: text for name, text in TEXTS.items() if name != "protocol"}
        sources |= {f"problem {problem.code}": problem.remedy for problem in PROBLEMS.values()}
        for name, text in sources.items():
            for path in re.findall(rf"(?<![\w./:])(?:{groups})(?:\.[a-z_]+)+(?![\w(])", text):
                self.assertIn(path, known, name)
            old = [each for each in ServerSettings.RENAMED if each in text]
            self.assertEqual(old, [], name)


class NameTests(SynchronousTestCase):
    """Words, rooms, modules and files that are named."""

    def test_glossaries_agree(self) -> None:
        table = PAGES["architecture"].partition("Glossary\n")[2].partition("The map\n")[0]
        terms = {each.strip() for row in re.findall(r"^([a-z].{12}) ", table, re.MULTILINE) for each in row.split(",")}
        short = re.findall(r"^([a-z, ]+)\n    ", sellia.__doc__ or "", re.MULTILINE)
        self.assertEqual({each.strip() for row in short for each in row.split(",")} - terms, set())
        self.assertGreater(len(short), 10)

    def test_the_map_has_every_room(self) -> None:
        known = {path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "sellia").rglob("__init__.py")}
        parents = {"sellia", "sellia/transports/original/server_side", "sellia/transports/original/client_side"}
        mapped = set(re.findall(r"^``(sellia/[a-z_/]+[a-z_])``", PAGES["architecture"], re.MULTILINE))
        self.assertEqual(mapped, known - parents)
        listed = set(re.findall(r"^\.\. modules:: (sellia[a-z_.]*)$", PAGES["modules"], re.MULTILINE))
        self.assertEqual({name.replace(".", "/") for name in listed}, known)

    def test_modules_that_are_named_exist(self) -> None:
        rooms = "|".join(path.name for path in (ROOT / "sellia").iterdir() if path.is_dir())
        for name in ("architecture", "protocol", "security", "CONTRIBUTING"):
            for dotted in re.findall(rf"``(?:sellia\.)?((?:{rooms}|process)(?:\.[A-Za-z_0-9]+)+)``", TEXTS[name]):
                self.assertTrue(self.exists(dotted.split(".")), f"{name}: {dotted}")

    def exists(self, parts: list[str]) -> bool:
        """Whether the parts lead to a room, a module, or a name in one."""
        path = ROOT.joinpath("sellia", *parts)
        if path.is_dir() or path.with_suffix(".py").exists():
            return True
        above = ROOT.joinpath("sellia", *parts[:-1])
        module = above / "__init__.py" if above.is_dir() else above.with_suffix(".py")
        return module.exists() and parts[-1] in module.read_text("utf-8")

    def test_files_that_are_named_exist(self) -> None:
        file = r"``((?:sellia|tests|docs|conf|bench|demo|newsfragments)/[\w./-]*)``(?:\s+\((?:pure, )?(to be made)\))?"
        for name, text in TEXTS.items():
            for path, planned in re.findall(file, text):
                self.assertNotEqual((ROOT / path).exists(), bool(planned), f"{name}: {path}")


class EventTests(SynchronousTestCase):
    def test_every_event_has_one_row(self) -> None:
        """And the row names all of its fields, but for the tunnel and the cause, which are said of all."""
        table = PAGES["api"].partition("A listener hears these")[2].partition("``Event`` is the union")[0]
        rows = dict(re.findall(r"^``([A-Z]\w+)`` +(.*(?:\n {30}.*)*)", table, re.MULTILINE))
        names = re.findall(r"^``([A-Z]\w+)`` ", table, re.MULTILINE)
        events = {each.__name__: each for each in get_args(Event)}
        self.assertEqual(sorted(names), sorted(events))
        for name, kind in events.items():
            for field in dataclasses.fields(kind):
                if field.name not in ("tunnel", "cause") and not re.search("frames|bytes_(in|out)", field.name):
                    self.assertIn(f"``{field.name}``", rows[name], name)


class ReadmeTests(SynchronousTestCase):
    """What people type and see first."""

    def setUp(self) -> None:
        clean_environment(self)

    def test_first_screen(self) -> None:
        """It shows what `sellia http` shows on a terminal, and so does the documentation of its block."""
        visitor = "203.0.113.7"
        started = [RequestStarted(each, "GET", "/", visitor) for each in (1, 2, 6, 7)]
        events: tuple[Event, ...] = (
            Connected("myapp", "https://myapp.tunnel.example.com", "http://localhost:5173"),
            RequestFinished(1, "GET", "/", 200, 0.0014, 0, 312, None),
            RequestFinished(2, "GET", "/src/main.js?t=1764018603", 200, 0.002, 0, 4096, None),
            WebSocketOpened(6, "/?token=Xy3", visitor, "vite-hmr"),
            RequestFinished(7, "POST", "/hooks/payment", 200, 0.035, 1126, 2, None),
        )
        lines, status = Lines(live=True), Status(server="tunnel.example.com", keys=True)
        for event in (*started, *events):
            status.notify(event)
        status.round_trip = 0.012
        shown = ["".join(text for text, style in line)[10:] for line in map(lines.of, events) if line is not None]
        screen = TEXTS["README"].partition("$ sellia http")[2].splitlines()[1 : len(events) + 1]
        self.assertEqual([each[len("    21:10:01  ") :] for each in screen], shown)
        block = "\n".join(f"    {row.plain}" for row in rows(status, 80, 24, 240.0)[1:])
        for text in (TEXTS["README"], TEXTS["cli"]):
            self.assertIn(f"\n\n{block}\n\n", text)

    def test_settings_file(self) -> None:
        [text] = re.findall(r"``sellia.yaml``.*?::\n\n((?:    [^\n]*\n)+)", TEXTS["README"], re.DOTALL)
        path = os.path.abspath(self.mktemp())
        Path(path).write_text("".join(each[4:] for each in text.splitlines(keepends=True)))
        self.assertEqual(len(load_client({}, {}, path).tunnels), 3)

    def test_commands(self) -> None:
        """Every line that starts a server or client, in the README and in the files for proxies, has valid flags."""
        key = {"SELLIA_MASTER_KEY": "k"}
        sources = [TEXTS["README"], *(path.read_text("utf-8") for path in (ROOT / "conf").iterdir())]
        found = 0
        for source in sources:
            for name, flags in re.findall(
                r"twistd -n (?:--pidfile= )?sellia-(server|client) ((?:\\\n|[^\n`])+)", source
            ):
                options = ServerOptions() if name == "server" else ClientOptions()
                self.patch(os, "environ", os.environ | (key if "--port 3000\n" not in flags else {}))
                options.parseOptions(flags.replace("\\\n", " ").split())
                found += 1
        self.assertGreater(found, 10)


class NewsTests(SynchronousTestCase):
    def test_every_fragment_has_a_kind(self) -> None:
        """One with another name is not built into the news."""
        kinds = re.findall(r'^directory = "([a-z]+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
        for path in (ROOT / "newsfragments").glob("*.*"):
            self.assertRegex(path.name, rf"^[0-9]+\.({'|'.join(kinds)})(\.[0-9]+)?\.rst$")
            self.assertTrue(path.read_text("utf-8").strip(), path.name)
