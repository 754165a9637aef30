"""``twistd sellia-client``: reads the options, checks them, and puts the client's service together."""

import os
from typing import Any

from twisted.application.service import IService, MultiService
from twisted.logger import Logger
from twisted.python.failure import Failure

from sellia.client.settings import ClientSettings, load
from sellia.errors import SelliaError
from sellia.process import (
    DESCRIPTORS,
    ExitStatus,
    OneLineOptions,
    allow_descriptors,
    complain,
    take_over,
    time_with_suspend,
)

_log = Logger()


class Options(OneLineOptions):
    """The flags of a client; once they are parsed, ``settings`` holds all that was set, from wherever it came."""

    synopsis = "[options]"
    longdesc = (
        "Puts a service that runs on this machine on a public URL of a tunnel server. What is not given here is taken "
        "from the environment (SELLIA_SERVER, _API_KEY, _LOG_LEVEL, or each with _FILE added for the path of a file "
        "with the value), then from the file that --config names, in YAML; the file can describe many tunnels."
    )
    optParameters = [
        ["server", None, None, "URL of the tunnel server, as https://example.com."],
        ["api-key", None, None, "API key; better given as SELLIA_API_KEY_FILE."],
        ["ca", None, None, "File with the certificate of the private authority that signed the server's."],
        ["port", None, None, "Port of your service, or its address, as in https://localhost:8443."],
        ["local-host", None, None, "Host of your service. [default: localhost]"],
        ["local-scheme", None, None, "What your service speaks: http or https. [default: http]"],
        ["subdomain", None, None, "Name to ask for; without it, the server picks one."],
        ["auth", None, None, "USER:PASS that visitors must know."],
        ["auth-preflight", None, None, "CORS preflights without that: pass or refuse. [default: refuse]"],
        [
            "request-timeout",
            None,
            None,
            "Seconds until the head of a response must be there. [default: the server's, 600]",
        ],
        ["log-level", None, None, "info, or debug: a line for each request and frame. [default: info]"],
        ["config", None, None, "Settings file, in YAML."],
    ]

    optFlags = [
        ["no-forwarded", None, "Send your service no X-Forwarded-* fields."],
    ]

    settings: ClientSettings

    def postOptions(self) -> None:
        flags: dict[str, object] = {
            name.replace("-", "_"): self[name]
            for name in (
                *("server", "api-key", "ca", "port", "local-host", "local-scheme", "subdomain", "auth"),
                "auth-preflight",
                *("request-timeout", "log-level"),
            )
        }
        flags["forwarded"] = False if self["no-forwarded"] else None
        self.settings = load(flags, os.environ, self["config"])


def makeService(options: Options) -> IService:
    """The client as one service, on the reactor that twistd runs; a refusal for good ends the process with status 1."""
    from twisted.internet import reactor

    from sellia.client.service import make_service
    from sellia.transports.reactor.polling import poll_plainly

    memory = take_over(reactor, time_with_suspend)
    allow_descriptors(DESCRIPTORS)
    poll_plainly(reactor)
    status = ExitStatus()
    service: Any = make_service(options.settings, reactor)
    service.finished.addCallbacks(lambda _: None, lambda failure: _give_up(failure, status, reactor))
    whole: Any = MultiService()
    service.setServiceParent(whole)
    memory.setServiceParent(whole)
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
