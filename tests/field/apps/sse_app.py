"""Forty events in eight seconds, with the comments that sse-starlette sends by itself."""

import asyncio

from sse_starlette.sse import EventSourceResponse


async def events():
    for number in range(40):
        yield {"id": str(number), "data": str(number)}
        await asyncio.sleep(0.2)


async def app(scope, receive, send):
    if scope["type"] == "http":
        await EventSourceResponse(events(), ping=1)(scope, receive, send)
