"""Lets ``twistd`` run the public end of the tunnel: ``twistd sellia-server``."""

from twisted.application.service import ServiceMaker

sellia_server = ServiceMaker(
    "Sellia server", "sellia.server.tap", "A self-hosted tunnel: the public end, where visitors arrive", "sellia-server"
)
