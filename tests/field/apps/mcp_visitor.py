"""Call the tool at ``argv[1]``; the last line is the outcome."""

import asyncio
import json
import sys

from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

STEPS = []


async def progress(step, total, message):
    STEPS.append(step)
    if step == 1:
        print("working", flush=True)


async def main():
    async with streamablehttp_client(sys.argv[1]) as (read, write, _):
        async with ClientSession(read, write) as session:
            await session.initialize()
            tools = [tool.name for tool in (await session.list_tools()).tools]
            result = await session.call_tool("work", {"steps": 4}, progress_callback=progress)
    print(json.dumps({"tools": tools, "progress": STEPS, "result": result.content[0].text}))


asyncio.run(main())
