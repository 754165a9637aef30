"""Interface of the connector's owner."""

from typing import Final, Protocol

from sellia.errors import ProtocolError
from sellia.problems import KEY_EXPIRED, KEY_REVOKED, KICKED
from sellia.protocol.messages import Goodbye, Refused, Welcome
from sellia.transports.link.keeper import Link

#: Words of goodbyes after which the client does not come back: the next hello would be refused, or is not wanted.
DISMISSALS: Final = frozenset(each.code for each in (KEY_REVOKED, KEY_EXPIRED, KICKED))


class Caller(Protocol):
    """Interface of the connector's owner, :class:`~sellia.client.session.ClientSession`."""

    def resume_state(self) -> tuple[bytes | None, int]:
        """Return the token of the session to resume, and how many of its parcels have arrived."""

    def window(self) -> float:
        """Return the resume window of that session in seconds; 0 where there is none to resume."""

    def welcomed(self, link: Link, welcome: Welcome) -> None:
        """Have the link carry a session, which the server has accepted."""

    def refused(self, refused: Refused) -> None:
        """Act on the server's refusal."""

    def dismissed(self, goodbye: Goodbye) -> None:
        """End the session, as the server has."""

    def broken(self, error: ProtocolError) -> None:
        """End the session, because the server broke the protocol."""

    def link_lost(self, reason: str) -> None:
        """Note that a link is lost, or could not be made; another attempt follows unless the connector was stopped."""

    def unreachable(self, reason: str) -> None:
        """Give up, where a link that is lost or could not be made is not to be followed by another attempt."""

    def login_refused(self, reason: str) -> None:
        """Note that a proxy on the way wants another user or password; `link_lost` follows."""

    def moved(self, url: str) -> None:
        """Note the URL at which the server is dialled from now on."""

    def beat(self) -> None:
        """Do what is due every second."""
