"""Pull the document at ``argv[1]`` with the origin ``argv[2]``; the last line is the outcome."""

import json
import sys

import bokeh.client.connection as connection
import bokeh.client.session as session
from tornado.httpclient import HTTPRequest

origin = sys.argv[2]


def request(url, headers=None, **options):
    print("connected", file=sys.stderr, flush=True)
    return HTTPRequest(url, headers={**(headers or {}), "Origin": origin}, **options)


connection.HTTPRequest = request
try:
    pulled = session.pull_session(url=sys.argv[1], max_message_size=64 * 1024 * 1024)
    array = pulled.document.get_model_by_name("data").data["x"]
    outcome = f"{array.nbytes} bytes, sum {array.sum():.0f}"
except Exception as error:
    outcome = f"{type(error).__name__}: refused"
print(json.dumps({"array": outcome}))
