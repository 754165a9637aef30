"""The original dialect on a link, in either role, spoken by a native peer in this process for the original one.

Need
    Sessions, the ingress and the legs to services know one dialect.  The original has no parcels, no credit, no resume;
    it has ids instead of numbers, whole messages instead of frames, and no way to say that an exchange was given up.

How
    ``link.OriginalLink`` is a link to whoever keeps links.  When it is told to carry a session, it makes a
    ``bridge.Bridge``: the owner of a second session, the *counterpart*, which is joined to ours by two queues in
    memory (``pipe``).  Each stream has a leg at the counterpart that puts what it is told into the original's words,
    and calls the stream with what the original says.  So credit, turns, bounds and resets are those of ``relay``, and
    nothing outside of this package asks which dialect is spoken, but whoever makes the link.

    ``pressure`` bounds what an original peer sends faster than it is taken, ``websocket`` is what both roles have
    alike of WebSockets.  ``server`` is the role of our server towards an original client, with the legs ``asking`` (a
    request) and ``upgrading`` (a WebSocket); ``client`` is that of our client towards an original server, with the
    legs ``answering`` and ``dialing``.
"""
