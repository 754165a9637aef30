"""TLS handshakes in memory."""

from OpenSSL import SSL, crypto


def certificate_shown(server: SSL.Connection, client: SSL.Connection) -> crypto.X509:
    """The certificate that ``server`` shows ``client``, neither of which has begun."""
    server.set_accept_state()
    client.set_connect_state()
    for _ in range(4):
        for one, other in ((client, server), (server, client)):
            try:
                one.do_handshake()
            except SSL.WantReadError:
                pass
            try:
                other.bio_write(one.bio_read(1 << 16))
            except SSL.WantReadError:
                pass
    certificate = client.get_peer_certificate()
    assert certificate is not None
    return certificate
