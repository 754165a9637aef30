"""A QUIC server that sends back what comes on each stream: ``python -m tests.e2e.quic_echo PORT CERT KEY``."""

from __future__ import annotations

import asyncio
import sys

from aioquic.asyncio.server import serve
from aioquic.quic.configuration import QuicConfiguration


def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back a stream, once it is whole."""

    async def answer() -> None:
        writer.write(await reader.read())
        writer.write_eof()

    task = asyncio.ensure_future(answer())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


_tasks: set[asyncio.Future[None]] = set()


async def main() -> None:
    port, cert, key = sys.argv[1:]
    configuration = QuicConfiguration(is_client=False, alpn_protocols=["echo"])
    configuration.load_cert_chain(cert, key)
    await serve("127.0.0.1", int(port), configuration=configuration, stream_handler=echo)
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
