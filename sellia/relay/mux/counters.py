"""Counters of links, the same at both ends."""

from dataclasses import asdict, dataclass


@dataclass(slots=True)
class LinkCounters:
    """Counts since the start of one end."""

    links_lost: int = 0  #: links that ended without a goodbye while they carried a session
    links_back: int = 0  #: sessions that went on over a new link, takeovers included
    taken_over: int = 0  #: of these, sessions whose old link was still believed in
    windows_expired: int = 0  #: sessions that ended because no link came back in time
    resent_messages: int = 0  #: messages that were sent again on a new link
    resent_bytes: int = 0  #: their bytes

    def went_on(self, unacknowledged: tuple[int, int], *, took_over: bool = False) -> None:
        """Count a session that goes on over a new link, where so many messages and bytes are sent again."""
        self.links_back += 1
        self.taken_over += took_over
        self.resent_messages += unacknowledged[0]
        self.resent_bytes += unacknowledged[1]

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name, for pages and logs."""
        return asdict(self)
