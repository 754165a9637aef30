"""Run the app at ``argv[1]`` from the origin ``argv[2]``; the last line is the outcome."""

import json
import sys

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect

size, titles, finished = 0, [], ""
with connect(sys.argv[1], origin=sys.argv[2], subprotocols=["streamlit"], max_size=None, proxy=None) as socket:
    start = BackMsg()
    start.rerun_script.query_string = ""
    socket.send(start.SerializeToString())
    print("connected", flush=True)
    while not finished:
        data = socket.recv(timeout=60)
        message = ForwardMsg()
        message.ParseFromString(data)
        size = max(size, len(data))
        kind = message.WhichOneof("type")
        if kind == "delta" and message.delta.new_element.WhichOneof("type") == "heading":
            titles.append(message.delta.new_element.heading.body)
        elif kind == "script_finished":
            finished = ForwardMsg.ScriptFinishedStatus.Name(message.script_finished)
large = "a message of 16 MB and more" if size > 16_000_000 else f"largest message {size} bytes"
print(json.dumps({"titles": titles, "table": large, "finished": finished}))
