"""Lets ``twistd`` run the private end of the tunnel: ``twistd sellia-client``."""

from twisted.application.service import ServiceMaker

sellia_client = ServiceMaker(
    "Sellia client", "sellia.client.tap", "A self-hosted tunnel: the private end, next to your service", "sellia-client"
)
