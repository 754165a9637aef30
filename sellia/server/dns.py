"""The DNS, as the records of domains are asked for: through the system's name servers, or one of the settings.

Answers are those of a resolver that is trusted, as the system's is for all else; they are bounded by twisted.names, to
64 KiB over TCP.  Nothing is cached, because somebody waits for a record that they have just made.

Designs not chosen
    *A `Resolver` that lasts*: it reads ``/etc/resolv.conf`` again by a timer that nothing stops.
"""

from collections.abc import Callable, Sequence
from ipaddress import ip_address
from typing import Any, Final

from sellia.server.gateway.control import LookupFailed

#: Seconds until a question is asked again, and until that has failed.
TIMES: Final = (2.0, 3.0)

#: Name servers that are asked, one after the other.
SERVERS: Final = 3

_PORT: Final = 53
_RESOLV: Final = "/etc/resolv.conf"


class Dns:
    """Lookups through what ``server`` returns, an address and a port, or through the system's name servers.

    ``times`` are the seconds until a question is asked again, and until that has failed.
    """

    def __init__(
        self, reactor: Any, server: Callable[[], tuple[str, int] | None], times: Sequence[float] = TIMES
    ) -> None:
        self._reactor = reactor
        self._server = server
        self._times = times

    async def texts(self, name: str) -> list[str]:
        from twisted.names import dns

        answers = await self._look(name, "lookupText")
        found = (each.payload.data for each in answers if each.type == dns.TXT)
        return [b"".join(parts).decode("latin-1") for parts in found]

    async def alias(self, name: str) -> str | None:
        from twisted.names import dns

        for each in await self._look(name, "lookupCanonicalName"):
            if each.type == dns.CNAME and _same(str(each.name), name):
                return str(each.payload.name)
        return None

    async def _look(self, name: str, method: str) -> Sequence[Any]:
        """Return the answers to a question; none where the name does not exist.  Raises LookupFailed."""
        from twisted.internet.defer import TimeoutError
        from twisted.internet.error import ConnectError
        from twisted.names.client import Resolver
        from twisted.names.error import DNSNameError, DNSQueryTimeoutError, DomainError, ResolverError

        server = self._server()
        servers = [server] if server is not None else name_servers(_RESOLV)
        resolver = Resolver(servers=servers, timeout=self._times, reactor=self._reactor)
        try:
            answers, _, _ = await getattr(resolver, method)(name)
        except DNSNameError:
            return []
        except (DNSQueryTimeoutError, TimeoutError):
            raise LookupFailed("its name servers do not answer") from None
        except (DomainError, ResolverError):
            raise LookupFailed("its name servers answered with an error") from None
        except (OSError, ConnectError, ValueError) as error:
            raise LookupFailed(str(error) or type(error).__name__) from None
        return answers


def name_servers(path: str) -> list[tuple[str, int]]:
    """Return the name servers that a file such as ``/etc/resolv.conf`` lists, or that of this machine."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            words = [line.split() for line in file]
    except OSError:
        words = []
    found = []
    for line in words:
        if len(line) >= 2 and line[0] == "nameserver":
            try:
                found.append((str(ip_address(line[1])), _PORT))
            except ValueError:
                continue
    return found[:SERVERS] or [("127.0.0.1", _PORT)]


def _same(one: str, other: str) -> bool:
    return one.lower().rstrip(".") == other.lower().rstrip(".")
