"""Chat completions: the plain one comes after ``argv[2]`` seconds, the streamed one at once, in pieces."""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COUNT = {"plain": 0}
LOCK = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        wish = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        base = {"id": "c1", "created": 1, "model": "stub"}
        if wish.get("stream"):
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for word in ["one", "two", "three", None]:
                choice = {"index": 0, "delta": {"content": word} if word else {}, "finish_reason": word or "stop"}
                self.chunk(
                    b"data: " + json.dumps({**base, "object": "chat.completion.chunk", "choices": [choice]}).encode()
                )
                time.sleep(0.2)
            self.chunk(b"data: [DONE]")
            self.wfile.write(b"0\r\n\r\n")
            return
        with LOCK:
            COUNT["plain"] += 1
            number = COUNT["plain"]
        time.sleep(float(sys.argv[2]))
        with LOCK:
            content = f"asked {COUNT['plain'] - number + 1} times"
        choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        body = json.dumps({**base, "object": "chat.completion", "choices": [choice]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def chunk(self, event):
        data = event + b"\n\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def log_message(self, *arguments):
        pass


ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
