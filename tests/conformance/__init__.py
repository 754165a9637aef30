"""
WebSocket conformance: every case of the Autobahn test suite has the same verdict through a tunnel as without it.

`python -m tests.conformance` runs all cases, `test_short` a selection. The case files are driven by kosoku. Its fuzzing
client tests a server (here an echo service behind the tunnel), its fuzzing server tests a client (here an echoing
visitor, with the fuzzing server as the service). The echoes are Autobahn's, and pass every case when they are connected
directly; that is run as well, so that a difference can only come from the tunnel.
"""
