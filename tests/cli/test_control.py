"""Asking clients that run: which is meant, what they answer, and what is no client at all."""

import contextlib
import os
import socket
import tempfile
import threading
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner
from twisted.trial.unittest import SynchronousTestCase

from sellia.cli.control import ControlFailure, Running, ask, choose, completions, names_of, running, summary
from sellia.client.control.lines import ANSWER_LIMIT, encode
from sellia.client.control.sockets import listen


class Fake:
    """A client that answers each line with what ``answers`` returns, and then closes the connection."""

    def __init__(self, directory: Path, process: int, answers: Callable[[bytes], bytes]) -> None:
        self.file = listen(directory, process)
        self.file.socket.setblocking(True)
        self.asked: list[bytes] = []
        self._answers = answers
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.file.socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                line = connection.makefile("rb").readline()
                if not line:
                    return
                self.asked.append(line)
                connection.sendall(self._answers(line))

    def stop(self) -> None:
        """Accept nothing more."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as last:
            last.connect(str(self.file.path))
            last.shutdown(socket.SHUT_WR)
            self._thread.join(5)
        self.file.close()


class FindCase(SynchronousTestCase):
    def setUp(self) -> None:
        base = tempfile.TemporaryDirectory()
        self.addCleanup(base.cleanup)
        self.environment = {"XDG_RUNTIME_DIR": base.name, "XDG_STATE_HOME": base.name}
        self.directory = Path(base.name) / "sellia"

    def fake(self, process: int, answers: bytes | Callable[[bytes], bytes]) -> Fake:
        fake = Fake(self.directory, process, answers if callable(answers) else lambda _: answers)
        self.addCleanup(fake.stop)
        return fake

    def running(self) -> list[Running]:
        return running(self.environment)


class RunningTests(FindCase):
    def test_nobody(self) -> None:
        self.assertEqual(self.running(), [])

    def test_in_order(self) -> None:
        for process in (30, 4):
            self.fake(process, encode({"status": {"pid": process, "command": "sellia http"}}))
        self.assertEqual([each.process for each in self.running()], [4, 30])
        self.assertEqual([each.shown for each in self.running()][0], "sellia http (process 4)")

    def test_strange_answers(self) -> None:
        """Whatever a client says, it is shown as one that does not answer, and all others as they are."""
        strange = (b"", b"\n", b"[]\n", b'{"status":3}\n', b"\xff\n", b"x" * ANSWER_LIMIT + b"xx")
        for process, answer in enumerate(strange, 1):
            self.fake(process, answer)
        self.fake(99, encode({"status": {"pid": "x\x1b[2J", "command": "a\x1bb", "tunnels": ["x", {"name": 7}]}}))
        *others, last = self.running()
        self.assertEqual([each.status for each in others], [None] * len(strange))
        self.assertEqual((last.process, last.command), (99, "a\\x1bb"))
        self.assertEqual((last.tunnels, summary(last)), ([{"name": 7}], "a\\x1bb"))

    def test_a_directory_that_cannot_be_trusted(self) -> None:
        self.directory.symlink_to(self.directory.parent)
        self.assertEqual(self.running(), [])


def client(process: int, *names: str) -> Running:
    tunnels = [{"name": name, "subdomain": f"public-{name}"} for name in names]
    return Running(Path(f"/x/{process}.sock"), process, {"command": "sellia start", "tunnels": tunnels})


class ChooseTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clients = [client(4, "web", "api"), client(40, "api", "40x"), Running(Path("/x/7.sock"), 7, None)]

    def chosen(self, word: str | None, every: bool = False) -> list[tuple[int, str | None]]:
        return [(each.client.process, each.tunnel) for each in choose(self.clients, word, every, "stop")]

    def test_by_process_and_by_name(self) -> None:
        self.assertEqual(self.chosen("40"), [(40, None)])
        self.assertEqual(self.chosen("web"), [(4, "web")])
        self.assertEqual(self.chosen("public-web"), [(4, "web")])
        self.assertEqual(self.chosen(None, True), [(4, None), (40, None), (7, None)])

    def test_the_only_one(self) -> None:
        del self.clients[1:]
        self.assertEqual(self.chosen(None), [(4, None)])

    def test_ambiguous(self) -> None:
        for word in (None, "api"):
            said = str(self.assertRaises(click.UsageError, self.chosen, word))
            self.assertIn("\n  sellia stop 4  sellia start: web, api", said)
            self.assertIn("\n  sellia stop 40  sellia start: api, 40x", said)

    def test_all_is_offered_by_commands_that_have_it(self) -> None:
        """What a command without a name says of several clients can be typed."""
        for name in ("inspect", "reload", "status", "stop"):
            module = import_module(f"sellia.cli.commands.{name}")
            self.patch(module, "running", lambda: self.clients)
            said = CliRunner().invoke(module.command, [] if name != "status" else ["api"]).output
            has = any("--all" in each.opts for each in module.command.params)
            self.assertIn(f"  sellia {name} 4  sellia start: web, api", said)
            self.assertEqual("or --all:" in said, has, said)

    def test_unknown(self) -> None:
        self.assertIn("wbe. Did you mean web?", str(self.assertRaises(ControlFailure, self.chosen, "wbe")))
        self.assertIn("the tunnel \\x1b. 'sellia", str(self.assertRaises(ControlFailure, self.chosen, "\x1b")))
        del self.clients[:]
        self.assertIn("No client of this user", str(self.assertRaises(ControlFailure, self.chosen, "web")))

    def test_names(self) -> None:
        self.assertEqual(names_of(self.clients[0]), ["4", "web", "public-web", "api", "public-api"])


class CompletionTests(FindCase):
    def test_processes_and_names(self) -> None:
        tunnels = [{"name": "web", "subdomain": "public-web"}, {"name": "--all"}, {"name": "w\x1b"}]
        self.fake(4, encode({"status": {"pid": 4, "command": "sellia start", "tunnels": tunnels}}))
        self.patch(os, "environ", {**os.environ, **self.environment})
        context: Any = None
        found = {incomplete: completions(context, context, incomplete) for incomplete in ("", "w")}
        self.assertEqual([item.value for item in found[""]], ["4", "web", "public-web"])
        self.assertEqual([item.value for item in found["w"]], ["web"])


class AskTests(FindCase):
    def ask(self, fake: Fake, **more: Any) -> list[dict[str, Any]]:
        return list(ask(Running(fake.file.path, 4, None), {"command": "stop"}, **more))

    def test_answers(self) -> None:
        fake = self.fake(4, encode({"waiting": {}}) + encode({"stopped": True}) + encode({"more": 1}))
        self.assertEqual(self.ask(fake), [{"waiting": {}}, {"stopped": True}])
        self.assertEqual(fake.asked, [b'{"command":"stop"}\n'])

    def test_refusal(self) -> None:
        fake = self.fake(4, encode({"error": "settings", "message": "one\n\x1b[2Jtwo"}))
        error = self.assertRaises(ControlFailure, self.ask, fake)
        self.assertEqual((error.word, error.message), ("settings", "one\n\\x1b[2Jtwo"))

    def test_no_answer(self) -> None:
        fake = self.fake(4, lambda _: (release.wait(10), b"")[1])
        release = threading.Event()
        self.addCleanup(release.set)
        said = str(self.assertRaises(ControlFailure, self.ask, fake, seconds=0.1))
        self.assertIn("does not answer. 'kill 4' ends it", said)

    def test_no_sense(self) -> None:
        self.assertIn("an answer that is none", str(self.assertRaises(ControlFailure, self.ask, self.fake(4, b"x\n"))))

    def test_it_has_ended_meanwhile(self) -> None:
        path = self.fake(4, b"").file.path.with_name("5.sock")
        self.assertEqual(list(ask(Running(path, 5, None), {"command": "stop"})), [])

    def test_until_the_process_is_gone(self) -> None:
        """Not where it has said that it goes on."""
        self.assertEqual(self.ask(self.fake(4, encode({"stopped": True})), until_gone=True), [{"stopped": True}])
