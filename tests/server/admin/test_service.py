"""Where the admin API listens, and what becomes of a port that somebody else has."""

import socket
from typing import Any

from twisted.internet import reactor

from sellia.errors import SettingsError
from sellia.server.admin.service import AdminService
from sellia.server.settings import ServerSettings
from tests.logs import log_lines
from tests.server.admin.stage import AdminCase


class ServiceTests(AdminCase):
    def service(self, *, needed: bool) -> tuple[AdminService, int]:
        """A service on a port that somebody else listens on."""
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        port = taken.getsockname()[1]
        endpoint = f"tcp:{port}:interface=127.0.0.1"
        settings, guard = self.server.settings, self.server.guard
        return AdminService(endpoint, self.operations, settings, guard, reactor, needed=needed), port

    async def test_a_port_that_was_asked_for(self) -> None:
        service, port = self.service(needed=True)
        error = self.assertRaises(SettingsError, service.privilegedStartService)
        self.assertIn(f"admin_listen: port {port} on 127.0.0.1 is already in use", error.line)
        self.assertIn("--admin-listen", error.hint)

    async def test_a_port_that_nobody_asked_for(self) -> None:
        """The server runs without the API, and the log says why."""
        lines = log_lines(self)
        service, port = self.service(needed=False)
        service.privilegedStartService()
        service.startService()
        self.addCleanup(service.stopService)
        [told] = [each for each in lines if "no admin API" in each]
        self.assertIn(f"port {port} on 127.0.0.1 is already in use; choose another port with --admin-listen", told)
        self.assertEqual(service.port, 0)

    async def test_a_server_that_reloads(self) -> None:
        """Limits count at once."""
        changed: Any = self.server.settings.model_copy(update={"admin_burst": 1, "admin_rate": 0.001})
        self.server.reload(changed)
        answers = [(await self.ask("GET", "limits")).status for _ in range(2)]
        self.assertEqual(answers, [200, 429])


class SettingsTests(AdminCase):
    async def test_loopback_unless_something_else_is_said(self) -> None:
        for given, listened in (
            ("tcp:9443", "tcp:9443:interface=127.0.0.1"),
            ("tcp:9443:interface=0.0.0.0", "tcp:9443:interface=0.0.0.0"),
            ("unix:/run/admin.sock", "unix:/run/admin.sock"),
            ("NONE", "none"),
        ):
            settings = ServerSettings(admin_listen=given, state_dir="/tmp")
            self.assertEqual(settings.admin_listen, listened)
        for wrong in ("9443", "haproxy:tcp:1", ""):
            self.assertRaises(ValueError, ServerSettings, admin_listen=wrong, state_dir="/tmp")
        self.assertRaises(ValueError, ServerSettings, admin_listen="tcp:9443")
        self.assertRaises(ValueError, ServerSettings, original_admin=True)
        ServerSettings(admin_listen="none")
