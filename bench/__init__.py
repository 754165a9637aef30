"""
What Sellia costs, beside what the same traffic costs without it.

`python -m bench` measures everything and writes RESULTS.md, `python -m bench ws memory` measures only that. Whatever is
compared is measured in the same run, in turns (A B A B), and is the median of several rounds: on a machine that is
shared, or simply another one, nothing else can be compared.

- `wire`      WebSocket frames and handshakes, no more than measuring needs
- `load`      the load generator, a process of its own: echo, GET, download, idle connections, peers that do not read
- `service`   the service behind the tunnel that is no bottleneck, a process of its own
- `yardsticks` what Sellia is compared with: nginx, a bare twisted.web Site, Autobahn's echo server
- `rig`       starts all of these, and the tunnel; counts CPU and memory
- `figures`   medians, the targets, and the report
- `http`, `websocket`, `latency`, `memory`, `pressure`, `scale`  one measurement each
"""
