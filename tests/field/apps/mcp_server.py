"""A server of the Model Context Protocol with one tool, at ``argv[1]`` for the host ``argv[2]``."""

import asyncio
import sys

from mcp.server.fastmcp import Context, FastMCP
from mcp.server.transport_security import TransportSecuritySettings

port, host = int(sys.argv[1]), sys.argv[2]
security = TransportSecuritySettings(allowed_hosts=[f"{host}:*"], allowed_origins=[f"http://{host}:*"])
server = FastMCP("field", host="127.0.0.1", port=port, transport_security=security, log_level="WARNING")


@server.tool()
async def work(steps: int, context: Context) -> str:
    """Work for a while."""
    for step in range(steps):
        await context.report_progress(step + 1, steps)
        await asyncio.sleep(0.4)
    return "done"


server.run("streamable-http")
