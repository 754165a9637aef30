"""The flags of ``twistd sellia-client``, and how a refusal ends the process."""

import io
import resource
import sys
from typing import Any

from twisted.application.service import IService
from twisted.internet.testing import MemoryReactor
from twisted.logger import Logger, capturedLogs, globalLogPublisher
from twisted.python.failure import Failure
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from sellia.client import tap
from sellia.errors import RefusedError, SettingsError
from sellia.process import DESCRIPTORS
from tests.test_process import Status, clean_environment, take_stderr, undo_process_changes


class OptionsTests(SynchronousTestCase):
    def setUp(self) -> None:
        clean_environment(self)

    def parse(self, *arguments: str) -> Any:
        options = tap.Options()
        options.parseOptions(arguments)
        return options.settings

    def test_all(self) -> None:
        settings = self.parse(
            *("--server", "http://localhost:3000", "--api-key", "k", "--target", "https://[::1]:8080"),
            *("--subdomain", "myapp", "--auth", "u:p", "--request-timeout", "90"),
            *("--auth-preflight", "pass"),
            "--no-forwarded",
        )
        (tunnel,) = settings.tunnels
        self.assertEqual([str(route.target) for route in tunnel.routes], ["https://[::1]:8080"])
        self.assertEqual((tunnel.subdomain, tunnel.auth.get_secret_value()), ("myapp", "u:p"))
        self.assertEqual(tunnel.options.auth_preflight, "pass")
        self.assertFalse(tunnel.options.forwarded)
        self.assertEqual((tunnel.request_timeout, tunnel.options.request_timeout), (90.0, 90.0))
        self.assertEqual(settings.api_key.get_secret_value(), "k")

    def test_config(self) -> None:
        path = self.mktemp()
        with open(path, "w") as file:
            file.write("server: http://x\ntunnels:\n  a: {target: 1}\n  b: {target: 2}\n")
        tunnels = self.parse("--config", path).tunnels
        self.assertEqual([tunnel.options.forwarded for tunnel in tunnels], [True, True])

    def test_wrong_setting(self) -> None:
        error = self.assertRaises(UsageError, self.parse, "--server", "x", "--target", "1")
        self.assertEqual(len(str(error).splitlines()), 2)

    def test_check(self) -> None:
        out, errors = io.StringIO(), io.StringIO()
        self.patch(sys, "stdout", out)
        self.patch(sys, "stderr", errors)
        good = ("--server", "http://localhost:3000", "--target", "8080", "--api-key", "SECRET")
        for arguments, status in ((good, 0), (good[:2], 78), (good[2:], 78), ((*good, "--auth", "x"), 78)):
            left = self.assertRaises(SystemExit, self.parse, "--check", *arguments)
            self.assertEqual(left.code, status, arguments)
        self.assertIn("server: http://localhost:3000 ", out.getvalue())
        self.assertIn("it is not said which server to connect to\n", errors.getvalue())
        self.assertNotIn("SECRET", out.getvalue())

    def test_service(self) -> None:
        undo_process_changes(self)
        options = tap.Options()
        options.parseOptions(["--server", "http://localhost:1", "--target", "1"])
        service = tap.makeService(options)
        self.assertTrue(IService.providedBy(service))
        self.assertFalse(service.running)

    def test_log_file(self) -> None:
        """It has what twistd's own log has, and a path that counts from where the client was started."""
        undo_process_changes(self)
        path = self.mktemp()
        options = tap.Options()
        options.parseOptions(["--server", "http://localhost:1", "--target", "1", "--log-file", path])
        before = list(globalLogPublisher._observers)
        tap.makeService(options)
        (observer,) = [each for each in globalLogPublisher._observers if each not in before]
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        Logger("here").info("linked to {server}", server="it")
        with open(path) as file:
            self.assertIn("[here#info] linked to it\n", file.read())

    def test_log_file_that_cannot_be_written(self) -> None:
        undo_process_changes(self)
        options = tap.Options()
        options.parseOptions(["--server", "http://localhost:1", "--target", "1", "--log-file", "/nowhere/log"])
        error = self.assertRaises(SettingsError, tap.makeService, options)
        self.assertIn("--log-file: cannot write /nowhere/log: No such file or directory", str(error))

    def test_descriptors(self) -> None:
        """As many as a session may have exchanges: a client whose shell allows few is not the narrow place."""
        undo_process_changes(self)
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(before[0], 512), before[1]))
        options = tap.Options()
        options.parseOptions(["--server", "http://localhost:1", "--target", "1"])
        tap.makeService(options)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.assertEqual(soft, DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard))


class StoppableReactor(MemoryReactor):
    running = True
    stopped = 0

    def stop(self) -> None:
        self.stopped += 1


class GiveUpTests(SynchronousTestCase):
    """A client that is refused for good ends its process with status 1 and says what to do."""

    def give_up(self, error: Exception, running: bool = True) -> StoppableReactor:
        status, reactor = Status(), StoppableReactor()
        reactor.running = running
        self.stderr = take_stderr(self)
        tap._give_up(Failure(error), status, reactor)  # type: ignore[arg-type]
        self.assertEqual(status.value, 1)
        return reactor

    def test_refused(self) -> None:
        with capturedLogs() as logs:
            reactor = self.give_up(RefusedError("wrong-key", "The server does not accept this API key."))
        self.assertEqual(reactor.stopped, 1)
        line, hint = self.stderr.getvalue().splitlines()
        self.assertEqual(line, "sellia: The server does not accept this API key.")
        self.assertTrue(hint.startswith("Hint: Check the key"))
        self.assertEqual(len(logs), 1)

    def test_refused_without_a_remedy(self) -> None:
        self.give_up(RefusedError("new-word", "No."))
        self.assertEqual(self.stderr.getvalue(), "sellia: No.\n")

    def test_mistake_of_ours_is_logged_whole(self) -> None:
        self.give_up(ZeroDivisionError("oops"))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_before_the_reactor_runs(self) -> None:
        reactor = self.give_up(RefusedError("x", "No."), running=False)
        self.assertEqual(reactor.stopped, 0)
        for function, arguments, named in reactor.whenRunningHooks:
            function(*arguments, **named)
        self.assertEqual(reactor.stopped, 1)
