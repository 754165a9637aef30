"""The inspector of a client: its HTTP API and page on this machine, and what can be done again.

Need
    Whoever exposes a service wants to see what came in, search it, do it again and learn why it ended; in a browser,
    from the command line, from scripts.  What they see is full of secrets, and browsers let any page send requests to
    this machine.

How
    A `door` holds the port from the start, and nothing else is loaded until somebody knocks.  Then `web` speaks HTTP,
    `guard` decides who is admitted, `table` has the endpoints, of which `openapi` makes the description.  `visits`
    opens streams to the services of a tunnel as the server would, for what is replayed and composed; `holds` stops
    requests and messages on their way; `sockets` sends into a WebSocket that is open.

Invariants
    * Nobody is served who shows neither the token of this run nor the password, but with the sentence that says so.
    * Every request names the inspector by a host of its own (DNS rebinding), and a browser's comes from its own page
      (cross-site requests and WebSockets), or it is refused.
    * Nothing from outside is sent as HTML or script: bodies are attachments of type application/octet-stream, beside
      ``nosniff`` and a policy that allows no inline script.
    * The token is in no log, no error and no answer.
    * The relay does not wait for the inspector: a page that is too slow is told what it has missed, and asks again.

Bounds
    ``CONNECTIONS`` at once; heads as twisted.web bounds them; ``BODY_LIMIT`` bytes of a request, ``STRANGER_LIMIT`` of
    one that has shown nothing in its head; a queue of ``EVENTS_LIMIT`` bytes for each stream of events; ``HOLDS``
    rules, ``HELD`` things that are held, each for ``LONGEST`` seconds; ``REPLAYS`` at once.

Designs not chosen
    *Cross-origin requests with a list of origins (CORS)*: no page but its own has any business here.  *A WebSocket for
    the page*: server-sent events come back by themselves, and any script reads them with curl.  *Replaying by a
    connection to the service past the tunnel*: it would not pass through rewriting, path routes, TLS settings and the
    capture.

Imports ``client.local``, ``client.settings``, ``inspector`` and the lower rooms.
"""
