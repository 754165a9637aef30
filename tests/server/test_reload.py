"""A running server that is given other settings: what changes, what goes on, and what is refused."""

import re
from pathlib import Path
from random import Random
from typing import Any

from twisted.internet.testing import MemoryReactorClock
from twisted.logger import formatEvent
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import SettingsError
from sellia.protocol.messages import TunnelReady
from sellia.relay.limits.token_bucket import Rate
from sellia.relay.limits.websocket import FrameLimits
from sellia.server.reload import AT_START, Reloader, compare
from sellia.server.service import ServerService
from sellia.server.settings import ServerSettings
from sellia.transports.reactor.verbosity import verbosity
from tests.logs import log_events
from tests.relay.scripts import OK
from tests.server.clients import GatewayCase

#: A value other than the default for each setting that may change, and fits to the defaults of the others.
OTHERS: dict[str, Any] = {
    "master_key": "another",
    "open": True,
    "require_auth": False,
    "trust_proxy": ("10.0.0.1",),
    "forwarded_fields": ("X-Forwarded-Prefix",),
    "interim_responses": ("10.0.0.1",),
    "log_level": "debug",
    "rate_limit": False,
    "while_away_pings": False,
    "ping_timeout": 16.0,
    "request_timeout_limit": 3601.0,
    "connections_per_address": 3_999,
    "websocket_frame_limit": 1 << 20,
    "websocket_message_limit": 1 << 20,
    "session_streams": 99,
    "tunnel_host": "127.0.0.1",
    "tcp_idle": 5.0,
    "tcp_ports": "20000-20001",
    "udp_ports": "20000-20001",
    "custom_domains": False,
    "tls_cert": ("/etc/sellia/shop.pem",),
    "dns_server": "127.0.0.1:5353",
}


def other_value(name: str) -> Any:
    """A value that is not the default of the setting."""
    if name in OTHERS:
        return OTHERS[name]
    default = ServerSettings.model_fields[name].default
    assert isinstance(default, int | float), f"{name}: is it in AT_START of sellia.server.reload, or here in OTHERS?"
    return default * 0.9 if isinstance(default, float) else default + 1


class CompareTests(SynchronousTestCase):
    def change(self, before: dict[str, Any], after: dict[str, Any]) -> tuple[list[str], list[str], ServerSettings]:
        found = compare(ServerSettings(**before), ServerSettings(**after))
        return list(found.changed), list(found.waiting), found.settings

    def test_nothing(self) -> None:
        self.assertEqual(self.change({}, {})[:2], ([], []))

    def test_now_and_at_the_next_start(self) -> None:
        changed, waiting, settings = self.change({"port": 3000}, {"port": 4000, "tunnels": 5, "domain": "b.localhost"})
        self.assertEqual((changed, waiting), (["tunnels"], ["port", "domain"]))
        self.assertEqual((settings.port, settings.domain, settings.tunnels), (3000, "localhost", 5))

    def test_documentation_names_what_waits_for_a_restart(self) -> None:
        page = (Path(__file__).parents[2] / "docs" / "settings.rst").read_text("utf-8")
        section = page.partition("Other settings for a running server\n")[2].partition("\n\n\n")[0]
        named = section.partition("at the next start\nonly: ")[2].partition(". ")[0]
        self.assertEqual(set(re.findall("``([a-z_]+)``", named)), set(AT_START))

    def test_every_setting_is_of_one_kind(self) -> None:
        """A new one either changes while the server runs, or is named in AT_START."""
        fields = ServerSettings.model_fields
        self.assertLessEqual(set(AT_START), set(fields))
        for name in set(fields) - set(AT_START) - {"require_auth"}:
            found = compare(ServerSettings(), ServerSettings(**{name: other_value(name)}), any_door=True)
            self.assertEqual((found.changed, found.waiting), ((name,), ()), name)
            self.assertEqual(getattr(found.settings, name), getattr(ServerSettings(**{name: other_value(name)}), name))

    def test_listeners_that_differ_in_their_certificates_only(self) -> None:
        def tls(port: int, files: str) -> str:
            return f"ssl:{port}:privateKey=/{files}/key.pem:certKey=/{files}/cert.pem:interface=127.0.0.1"

        http = "tcp:80:interface=127.0.0.1"
        before = {"listen": [http, tls(443, "old")]}
        changed, waiting, settings = self.change(before, {"listen": [http, tls(443, "new")]})
        self.assertEqual((changed, waiting), (["listen"], []))
        self.assertIn("/new/", settings.listen[1])
        for listen in (
            [http, tls(8443, "new")],
            [tls(443, "new")],
            [tls(443, "new"), http],
            [http, tls(443, "new"), http],
        ):
            changed, waiting, settings = self.change(before, {"listen": listen})
            self.assertEqual((changed, waiting, settings.listen[1]), ([], ["listen"], tls(443, "old")))

    def test_no_mixture_opens_the_door(self) -> None:
        """The new file would be a server for this machine alone; the running one listens everywhere."""
        running = ServerSettings(host="0.0.0.0", master_key="k", domain="example.test")  # noqa: S104
        wanted = ServerSettings(host="127.0.0.1", domain="example.test")
        error = self.assertRaises(SettingsError, compare, running, wanted)
        self.assertIn("everybody could open tunnels here, until the server is started anew with host", error.line)
        self.assertEqual(compare(running, wanted, any_door=True).waiting, ("host",))
        opened = ServerSettings(host="127.0.0.1", domain="example.test", open=True)
        self.assertEqual(compare(running, opened).changed, ("master_key", "open"))


class ReloadCase(GatewayCase):
    settings: dict[str, Any] = {"master_key": "old"}

    def setUp(self) -> None:
        super().setUp()
        self.events = log_events(self)

    @property
    def lines(self) -> list[str]:
        return [line for line in map(formatEvent, self.events) if line.startswith("settings")]

    def reload(self, **settings: Any) -> str:
        """What is said of it."""
        self.events.clear()
        self.server.service.reload(ServerSettings(**{**self.settings, **settings}))
        self.server.talk()
        return "\n".join(self.lines)


class ReloadTests(ReloadCase):
    def test_what_is_said(self) -> None:
        self.assertEqual(self.reload(), "settings reloaded: nothing has changed")
        said = self.reload(tunnels=7, resume_window=3.5, trust_proxy=["10.0.0.1", "unix"], rate_limit=False)
        expected = "limits.tunnels 10000 -> 7", "timeouts.resume 120 -> 3.5", "rates.enabled yes -> no"
        for each in (*expected, "trust_proxy none -> 10.0.0.1, unix"):
            self.assertIn(each, said)
        self.assertNotIn("restart", said)

    def test_what_needs_a_restart_is_named_each_time(self) -> None:
        for _ in range(2):
            said = self.reload(port=4000, domain="b.localhost")
            self.assertIn("settings that need a restart: port 3000 -> 4000; domain localhost -> b.localhost", said)
        self.assertEqual(self.server.service.settings.domain, "localhost")
        self.assertEqual(self.reload(), "settings reloaded: nothing has changed")

    def test_keys(self) -> None:
        """Sessions of the old one go on, come back, and keep their names; nobody else gets in with it."""
        client = self.server.client("old")
        self.assert_ready(client.open_tunnel("demo"))
        said = self.reload(master_key="new")
        self.assertEqual(said, "settings reloaded: master_key is another")
        self.assertIn("1 sessions go on", formatEvent(self.events[-1]) or "")
        self.assertNotIn("new", said)
        client.wire.lose()
        self.server.wait(1)
        client.connect("old")
        self.assertIn("resumed=True", repr(client.heard))
        self.assertIsInstance(client.open_tunnel("more", number=2), TunnelReady)
        self.assertIn("wrong-key", repr(self.server.client("old").heard))
        fresh = self.server.client("new")
        self.assert_refused(fresh.open_tunnel("demo"), "name-taken", False)
        self.assert_ready(fresh.open_tunnel("other"))

    def test_limits_of_what_comes(self) -> None:
        client = self.server.client("old")
        self.assert_ready(client.open_tunnel("a1a"))
        self.reload(tunnels=1, sessions=1, sessions_per_owner=1, connections=1, connections_per_address=1)
        self.assert_refused(client.open_tunnel("b1b", number=2), "overloaded", False)
        self.assertIn("overloaded", repr(self.server.client("old").heard))
        self.assertEqual(len(self.server.gateway.sessions), 1)
        self.reload()
        self.assert_ready(client.open_tunnel("b1b", number=3))

    def test_sessions_take_theirs_at_once(self) -> None:
        session = next(iter(self.server.client("old").server.gateway.sessions.values()))
        self.reload(session_streams=3, session_credit=5 << 20, session_queue=6 << 20, tunnel_streams=2, tunnel_burst=9)
        found = session.mux.max_streams, session.mux.load.held_limit, session.mux.load.queue_limit
        self.assertEqual(found, (3, 5 << 20, 6 << 20))
        self.assertEqual((session._exchanges.tunnel_streams, session.claims._rate.burst), (2, 9))  # type: ignore[union-attr]
        self.reload(rate_limit=False)
        self.assertIsNone(session.claims)
        self.assertEqual((self.server.service.guard.requests, self.server.service.guard.frame_rate), (None, None))
        self.reload()
        self.assertIsNotNone(session.claims)
        self.assertIsNotNone(self.server.service.guard.requests)

    def test_all_that_is_kept_from_the_start(self) -> None:
        """Whatever reads settings once, when the server is made, reads them again."""
        service = self.server.service
        self.reload(
            websocket_frame_limit=77,
            websocket_rate=5.0,
            control_burst=8,
            request_timeout_limit=1234.0,
            sessions_memory=100 << 20,
            link_control_burst=6,
            tunnels_per_client=4,
            tunnels_per_owner=3,
            resume_window=9.0,
            forwarded_fields=["X-Forwarded-Prefix"],
            trust_proxy=["10.0.0.1"],
            interim_responses=["10.0.0.2"],
            unread_timeout=11.0,
        )
        guard, gateway, ingress = service.guard, service.gateway, service.ingress
        self.assertEqual((guard.frames.size, guard.frames.control), (77, Rate(8, 100.0)))
        self.assertIsInstance(guard.frames, FrameLimits)
        self.assertEqual((guard.frame_rate, guard._unread_timeout), (Rate(100_000, 5.0), 11.0))
        self.assertEqual((guard.told.request_timeout, guard.told.websocket_frame_limit), (1234.0, 77))
        self.assertEqual(gateway._footprint.limit, 100 << 20)
        self.assertEqual(gateway.links.buildProtocol(None).control, Rate(6, 100.0))
        self.assertEqual(gateway.original_links.buildProtocol(None).max_tunnels, 4)
        self.assertEqual((gateway.registry.per_owner, gateway.registry.hold_seconds), (3, 9.0))
        self.assertEqual(ingress.believed, {b"x-forwarded-prefix"})
        self.assertTrue(ingress.trusted.is_trusted("10.0.0.1") and ingress.knows_interim.is_trusted("10.0.0.2"))
        self.assertTrue(
            all(each.settings is service.settings for each in (gateway, ingress, service._sites[0].resource))
        )

    def test_visitors_go_on(self) -> None:
        client = self.server.client("old")
        self.assert_ready(client.open_tunnel("demo"))
        visitor = self.server.visit()
        self.reload(master_key="new", request_timeout=5.0, keep_alive=1.0)
        [stream] = client.party.streams.values()
        stream.send_head(OK)
        self.server.talk()
        self.assertTrue(visitor.take().startswith(b"HTTP/1.1 200 "))

    def test_log_level(self) -> None:
        self.reload(log_level="debug")
        self.assertTrue(verbosity.debug)
        self.reload()
        self.assertFalse(verbosity.debug)


class DoorTests(SynchronousTestCase):
    def test_refused_as_a_whole(self) -> None:
        service = ServerService(ServerSettings(host="0.0.0.0", master_key="k"), MemoryReactorClock(), Random(1))  # noqa: S104
        before = service.settings
        self.assertRaises(SettingsError, service.reload, ServerSettings(host="127.0.0.1", tunnels=5))
        self.assertIs(service.settings, before)
        self.assertEqual(service.registry.total, 10_000)


class ReloaderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.events = log_events(self)
        self.used: list[ServerSettings] = []

    def reload(self, load: Any, use: Any = None) -> list[str]:
        reloader = Reloader(load)
        reloader.use = use or self.used.append
        reloader.reload()
        return [formatEvent(each) for each in self.events]

    def test_used(self) -> None:
        settings = ServerSettings()
        self.assertEqual(self.reload(lambda: settings), [])
        self.assertEqual(self.used, [settings])

    def test_refused_with_the_reason(self) -> None:
        def refuse(*_: object) -> ServerSettings:
            raise SettingsError("sellia.yaml, line 3: limits.tunnels: must be 1 or more", "Most tunnels in all.")

        said = "settings not reloaded, the ones before go on: sellia.yaml, line 3: limits.tunnels: must be 1 or more"
        self.assertEqual(self.reload(refuse), [f"{said} (Most tunnels in all.)"])
        self.events.clear()
        self.assertEqual(self.reload(ServerSettings, refuse), [f"{said} (Most tunnels in all.)"])

    def test_a_defect_ends_nothing(self) -> None:
        self.reload(lambda: 1 / 0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_before_there_is_a_server(self) -> None:
        Reloader(lambda: 1 / 0).reload()  # type: ignore[arg-type,return-value]
