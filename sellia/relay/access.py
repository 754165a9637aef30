"""Access to a tunnel by address: the lists of visitors that its owner lets in and keeps out.

The decision is one pure function of an address, `AccessList.admits`, for requests, connections and datagrams alike.
``deny`` wins over ``allow``; an empty ``allow`` lets in everybody whom ``deny`` does not name.  An IPv4 address is the
same whether it comes as such or mapped into IPv6, in the lists as in the address that is asked about.  Where there is
a list, whoever has no address that can be read is kept out.

Bounds: ``ENTRIES`` of both lists together.  A look takes one step for each length of mask that occurs in the lists, not
one for each entry.
"""

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

#: Addresses and networks in the lists of one tunnel.
ENTRIES: Final = 256

_V4_MAPPED: Final = IPv6Network("::ffff:0:0/96")

Network = IPv4Network | IPv6Network


def parse_network(text: str) -> Network:
    """Parse an address or a network.  Raises ValueError, with a sentence's end about it."""
    text = text.strip()
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError("is not an address or a network, such as 192.0.2.1, 10.0.0.0/8 or 2001:db8::/32") from None
    if ip_address(text.partition("/")[0]) != network.network_address:
        raise ValueError(f"has bits to the right of its mask: write {network}, or the address alone")
    if isinstance(network, IPv6Network) and network.subnet_of(_V4_MAPPED):
        mapped = network.network_address.ipv4_mapped
        assert mapped is not None
        network = IPv4Network((int(mapped), network.prefixlen - 96))
    return network


class _Networks:
    """A set of networks, by version and length of the mask."""

    __slots__ = ("_masks",)

    def __init__(self, networks: Iterable[Network]) -> None:
        masks: dict[tuple[int, int], set[int]] = {}
        for each in networks:
            masks.setdefault((each.version, each.max_prefixlen - each.prefixlen), set()).add(
                int(each.network_address) >> (each.max_prefixlen - each.prefixlen)
            )
        self._masks = tuple((version, shift, frozenset(found)) for (version, shift), found in masks.items())

    def __bool__(self) -> bool:
        return bool(self._masks)

    def has(self, version: int, number: int) -> bool:
        return any(known == version and number >> shift in found for known, shift, found in self._masks)


class AccessList:
    """The visitors that a tunnel takes.  Raises ValueError for an entry that is none, or for too many."""

    __slots__ = ("_allow", "_deny")

    def __init__(self, allow: Sequence[str] = (), deny: Sequence[str] = ()) -> None:
        if len(allow) + len(deny) > ENTRIES:
            raise ValueError(f"more than {ENTRIES} addresses and networks are listed")
        self._allow = _Networks(map(parse_network, allow))
        self._deny = _Networks(map(parse_network, deny))

    def admits(self, address: str) -> bool:
        """Return whether a visitor with this address may use the tunnel."""
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return not (self._allow or self._deny)
        if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        version, number = parsed.version, int(parsed)
        if self._deny.has(version, number):
            return False
        return not self._allow or self._allow.has(version, number)
