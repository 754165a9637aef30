"""Control of one client: what it tells of itself, how it is ended, and where its socket is."""

import os
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.control.lines import ANSWER_LIMIT, ControlError, encode
from sellia.client.control.service import ControlService
from sellia.client.control.status import About, moment, status_of
from sellia.client.service import ClientService
from sellia.client.settings import TUNNEL_LIMIT, ClientSettings, TunnelSettings
from sellia.protocol.messages import CloseTunnel
from tests.client.links import FarServer, Network
from tests.client.stage import GET, LogLines, Service
from tests.relay.scripts import RecordingLeg

SECRETS = ("s3cret-key", "s3cret-pass", "s3cret-proxy")


class ServiceCase(SynchronousTestCase):
    """A client with the tunnels ``web`` and ``api``, whose key, passwords and proxy nobody may learn."""

    def setUp(self) -> None:
        base = tempfile.TemporaryDirectory()
        self.addCleanup(base.cleanup)
        self.home = Path(base.name)
        self.environment = {"XDG_RUNTIME_DIR": base.name, "XDG_STATE_HOME": base.name}
        self.reactor = MemoryReactorClock()
        tunnels = (
            TunnelSettings(name="web", target=8080, subdomain="abc", auth=f"u:{SECRETS[1]}"),
            TunnelSettings(name="api", paths={"/": 8081, "/v1": "./x"}),
        )
        proxy = f"http://me:{SECRETS[2]}@proxy:3128"
        settings = ClientSettings(server="http://127.0.0.1:1", api_key=SECRETS[0], proxy=proxy, tunnels=tunnels)
        self.client = ClientService(settings, self.reactor)
        connector = self.client.session.connector
        self.network = connector.attempts.endpoint = Network(self.reactor)
        self.server = FarServer()
        self.ended: list[bool] = []
        self.now = 1_800_000_000.0
        self.control = self.make()

    def make(self, **more: Any) -> ControlService:
        return ControlService(
            self.client,
            self.reactor,
            self.ended.append,
            About("sellia start", "/x/start.log"),
            **{"environment": self.environment, "wall_clock": lambda: self.now, **more},
        )

    def tearDown(self) -> None:
        self.client.session.stop()
        self.control.close()
        for service in self.client.session.tunnels.services:
            service.stop()

    def link(self) -> None:
        self.client.startService()
        self.wire = self.network.join(self.client.session.connector, self.server)
        self.talk()

    def talk(self) -> None:
        for _ in range(10):
            self.server.answer()
            self.server.party.flush()
            self.reactor.advance(0)
            self.wire.talk()

    def sockets(self) -> list[str]:
        directory = self.home / "sellia"
        return [each.name for each in directory.iterdir()] if directory.exists() else []


class StatusTests(ServiceCase):
    def test_before_there_is_a_link(self) -> None:
        self.client.startService()
        self.network.refuse()
        status = self.control.status()
        self.assertEqual((status["pid"], status["command"]), (os.getpid(), "sellia start"))
        self.assertEqual((status["link"]["state"], status["link"]["round_trip"]), ("connecting", None))
        self.assertIn("refused", status["link"]["reason"])
        self.assertEqual([each["state"] for each in status["tunnels"]], ["closed", "closed"])

    def test_in_use(self) -> None:
        self.link()
        self.server.party.session.open(GET, RecordingLeg(), end=True)
        self.talk()
        Service(self.reactor.tcpClients.pop(0)[2])
        self.control.startService()
        self.now += 90
        self.reactor.advance(2)
        status = self.control.status()
        self.assertEqual((status["since"], status["seconds"]), ("2027-01-15T08:00:00.000Z", 90.0))
        self.assertEqual((status["link"]["state"], status["link"]["seconds"]), ("up", 2.0))
        self.assertEqual((status["requests"], status["websockets"], status["stopping"]), (1, 0, False))
        web, api = status["tunnels"]
        self.assertEqual((web["name"], web["subdomain"], web["url"]), ("web", "abc", "http://abc.localhost"))
        self.assertEqual((web["state"], web["protected"], web["requests"]), ("open", True, 1))
        self.assertEqual((api["protected"], api["requests"]), (False, 0))
        self.assertEqual([each["path"] for each in api["targets"]], ["/v1", "/"])

    def test_a_tunnel_that_is_only_numbered(self) -> None:
        """As that of a command: it is called what it is in public, once that is known."""
        tunnel = next(iter(self.client.session.tunnels))
        tunnel.settings = tunnel.settings.model_copy(update={"name": "1", "subdomain": None})
        self.assertIsNone(self.control.status()["tunnels"][0]["name"])
        tunnel.name = "brisk-otter-42"
        self.assertEqual(self.control.status()["tunnels"][0]["name"], "brisk-otter-42")

    def test_lost(self) -> None:
        self.link()
        self.wire.cut("Connection was reset")
        self.reactor.advance(0.5)
        link = self.control.status()["link"]
        self.assertEqual((link["state"], link["seconds"], link["reason"]), ("lost", 0.5, "Connection was reset"))

    def test_no_secrets(self) -> None:
        self.link()
        text = encode(self.control.status()).decode()
        for secret in SECRETS:
            self.assertNotIn(secret, text)

    def test_every_field_is_documented(self) -> None:
        page = (Path(__file__).parents[3] / "docs" / "cli.rst").read_text("utf-8").partition("Clients that run")[2]
        status = status_of(self.client, About("x"), 0.0, 0.0)
        for fields in (status, status["link"], status["tunnels"][0], status["tunnels"][0]["targets"][0]):
            for name in fields:
                self.assertIn(f"``{name}``", page)
        self.assertEqual(moment(0.25), "1970-01-01T00:00:00.250Z")

    def test_a_line_that_can_be_read(self) -> None:
        """As many tunnels as a client may have, with all their paths, are within what is read."""
        paths = {f"/{number:0>60}": 8080 for number in range(64)}
        tunnel = TunnelSettings(name="n" * 63, paths=paths)
        settings = ClientSettings(server="http://127.0.0.1:1", tunnels=(tunnel,))
        client = ClientService(settings, MemoryReactorClock())
        self.assertLess(TUNNEL_LIMIT * len(encode(status_of(client, About("x"), 0.0, 0.0))), ANSWER_LIMIT)


class StopTests(ServiceCase):
    def test_all_of_it(self) -> None:
        self.link()
        self.control.stop(None, False)
        self.control.stop(None, True)
        self.assertEqual(self.ended, [False, True])
        self.assertEqual(self.control.left(None), {"requests": 0, "websockets": 0, "connections": 0, "within": 30.0})

    def test_one_of_several(self) -> None:
        self.link()
        self.control.stop("abc", False)
        self.talk()
        self.assertEqual(self.ended, [])
        self.assertIn(1, [each.tunnel for each in self.server.party.messages if isinstance(each, CloseTunnel)])
        self.assertIsNone(self.control.left("abc"))
        self.control.stop("api", False)
        self.assertEqual(self.ended, [False], "the last one is the client")
        self.assertIsNotNone(self.control.left("api"))

    def test_none_of_them(self) -> None:
        error = self.assertRaises(ControlError, self.control.stop, "x\x1b", False)
        self.assertEqual((error.word, str(error)), ("unknown-tunnel", "This client has no tunnel x\\x1b."))


class ReloadTests(ServiceCase):
    def test_without_settings(self) -> None:
        self.assertEqual(self.assertRaises(ControlError, self.control.reload).word, "no-reload")

    def test_with_settings(self) -> None:
        self.assertEqual(self.make(reload=lambda: {"opened": ["x"]}).reload(), {"opened": ["x"]})


class SocketTests(ServiceCase):
    def test_from_start_to_end(self) -> None:
        self.control.startService()
        self.assertEqual(self.sockets(), [f"{os.getpid()}.sock"])
        self.assertEqual(len(self.reactor.getReaders()), 1)
        for function, arguments, named in self.reactor.triggers["during"]["shutdown"]:
            function(*arguments, **named)
        self.assertEqual((self.sockets(), self.reactor.getReaders()), ([], []))

    def test_no_place(self) -> None:
        """The client runs all the same, and says why it cannot be asked."""
        (self.home / "sellia").symlink_to(self.home)
        file = self.home / "file"
        file.write_text("")
        log = LogLines(self)
        control = self.make(environment={"XDG_RUNTIME_DIR": str(self.home), "XDG_STATE_HOME": str(file)})
        control.startService()
        control.close()
        [line] = [line for line in log.lines if "cannot reach this client" in line]
        self.assertIn("is a symbolic link", line)
