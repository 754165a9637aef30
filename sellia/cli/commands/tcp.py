"""``sellia tcp``: a tunnel for connections to one port, in the foreground."""

from sellia.cli.one_target import one_target

command = one_target(
    "tcp",
    """Open a tunnel for TCP connections to a local service.

TARGET is the port that the service listens on, or its address, as in 5432, 192.168.1.5:22 or unix:/run/app.sock.
Visitors connect to a port of the server, which stays the same as long as nobody else is given it.
""",
)
