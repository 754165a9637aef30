"""``twistd sellia-client``: reads the options, checks them, and puts the client's service together."""

import os
from contextlib import suppress
from typing import Any

from twisted.application.service import IService, MultiService
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger, globalLogPublisher
from twisted.python.failure import Failure

from sellia.client.log_file import observer_of, open_log
from sellia.client.settings import ClientSettings, TunnelSettings, examine_here, load_here
from sellia.errors import SelliaError
from sellia.options import SettingsOptions
from sellia.process import (
    DESCRIPTORS,
    ExitStatus,
    allow_descriptors,
    complain,
    take_over,
    time_with_suspend,
)

_log = Logger()


class Options(SettingsOptions):
    """The flags of a client; once they are parsed, ``settings`` holds all that was set, from wherever it came."""

    longdesc = (
        "Puts a service that runs on this machine on a public URL of a tunnel server. What is not given here is taken "
        "from the environment (each variable also with _FILE added, for the path of a file with the value), then from "
        "the file that --config names, or else from sellia.yaml of the project, in ~/.config/sellia and in "
        "/etc/sellia, in YAML; a file can describe many tunnels."
    )
    models = (ClientSettings, TunnelSettings)

    settings: ClientSettings

    def postOptions(self) -> None:
        self._directory = os.getcwd()
        if self["check"]:
            self.leave_with(examine_here(self.given, os.environ, self["config"]))
        self.settings = self.load_again()

    def load_again(self) -> ClientSettings:
        """Read the settings, from the same places each time.  Raises `SettingsError`.

        A daemon may have left the directory in which it was started, so relative paths of files count from there.
        """
        variables = dict(os.environ)
        for name, value in variables.items():
            if name.startswith("SELLIA_") and name.endswith("_FILE") and value:
                variables[name] = os.path.join(self._directory, value)
        config = self["config"] and os.path.join(self._directory, self["config"])
        return load_here(self.given, variables, config, self._directory)


def makeService(options: Options) -> IService:
    """Make the client, as one service on twistd's reactor; a final refusal ends the process with status 1."""
    from twisted.internet import reactor

    from sellia.client.control.service import ControlService
    from sellia.client.control.status import About
    from sellia.client.reload import Reloader
    from sellia.client.service import make_service
    from sellia.transports.reactor.polling import poll_plainly

    inspector: Any = None
    if options.settings.inspector_asked and not options.settings.no_inspector:
        from sellia.client.inspector.inspector import Inspector

        inspector = Inspector(options.settings, reactor)
        _log.info("inspector: {address} (`sellia inspect` prints the URL that opens it)", address=inspector.address)
    service: Any = make_service(options.settings, reactor, inspector=inspector)
    reloader = Reloader(service, options.load_again)
    memory = take_over(reactor, time_with_suspend, reloader.signalled)
    allow_descriptors(DESCRIPTORS)
    poll_plainly(reactor)
    status = ExitStatus()
    file = open_log(options.settings)
    if file is not None:
        globalLogPublisher.addObserver(observer_of(file))

    def end(now: bool) -> None:
        with suppress(ReactorNotRunning):  # it stops already
            reactor.stop()
        if now:
            service.stopService()  # beside the reactor's own call, so that it waits for nothing

    control: Any = ControlService(
        service,
        reactor,
        end,
        About("twistd sellia-client", file.path if file is not None else None),
        reloader.answer,
        inspector=inspector,
    )
    service.finished.addCallbacks(lambda _: None, lambda failure: _give_up(failure, status, reactor))
    whole: Any = MultiService()
    service.setServiceParent(whole)
    memory.setServiceParent(whole)
    control.setServiceParent(whole)
    return whole


def _give_up(failure: Failure, status: ExitStatus, reactor: Any) -> None:
    status.value = 1
    if failure.check(SelliaError) is not None:
        remedy = getattr(failure.value, "remedy", "")
        complain(f"{failure.value}\nHint: {remedy}" if remedy else str(failure.value))
    else:
        _log.failure("the client ended because of a mistake in it", failure=failure)
    if reactor.running:
        reactor.stop()
    else:
        reactor.callWhenRunning(reactor.stop)
