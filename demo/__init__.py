"""
The sixty-second try: ``python -m demo``, which is what ``make demo`` runs.

`demo.service` is a small service with all that a tunnel has to get right: a page, two WebSockets, server-sent events.
`demo.__main__` starts it together with a real server and a real client, and says where to look.
"""
