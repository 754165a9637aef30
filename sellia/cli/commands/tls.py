"""``sellia tls``: a tunnel through which TLS passes, in the foreground."""

from sellia.cli.one_target import one_target

command = one_target(
    "tls",
    """Open a tunnel that passes TLS through to a local service.

TARGET is the port or the address of a service that does TLS itself, as in 8443 or 192.168.1.5:443. Visitors ask for
the tunnel's name in their TLS, and the certificate is the service's. With --cert and --key, TLS ends at this
client, and the service is sent what was in it.
""",
)
