"""The rule of Home Assistant's http integration: X-Forwarded-For only from a proxy that its settings name."""

import sys

from aiohttp import web


@web.middleware
async def forwarded(request, handler):
    if "X-Forwarded-For" in request.headers and request.remote not in sys.argv[2].split(","):
        raise web.HTTPBadRequest
    return await handler(request)


async def hello(request):
    return web.Response(text="hello")


app = web.Application(middlewares=[forwarded])
app.add_routes([web.get("/", hello)])
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
