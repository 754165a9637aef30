"""``sellia udp``: a tunnel for datagrams to one port, in the foreground."""

from sellia.cli.one_target import one_target

command = one_target(
    "udp",
    """Open a tunnel for UDP datagrams to a local service.

TARGET is the port that the service listens on, or its address, as in 53 or 192.168.1.5:51820. Visitors send to a
port of the server, which stays the same as long as nobody else is given it.
""",
)
