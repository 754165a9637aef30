"""Sellia puts a service that runs on your own machine on a public URL.

The words, which mean the same everywhere in this package:

visitor
    whoever connects to the public side: a browser, a webhook sender, ``wscat``
service
    the local program that is being exposed
tunnel
    a public name (or TCP port) bound to one session
link
    one WebSocket connection from a client to a server; links come and go
session
    the conversation between one client and one server; it outlives its links
stream
    one exchange inside a session: an HTTP request and its response, a WebSocket, a TCP connection
credit
    bytes that the receiving end of a stream has allowed the sender to send
dialect
    how a session is spelled on the link: ``native``, or ``original``
ingress, gateway
    the server's public side; the place where links arrive

The rooms, each of which imports only from those to its left::

    protocol <- relay <- transports <- server | client <- tap, cli, plugins

``protocol`` turns bytes into values and back.  ``relay`` decides: sessions, streams, credit, turns, headers, names.
Both are pure: no I/O, no clock.  ``transports`` are the sockets that both ends share.  ``server`` and ``client`` never
import each other.  ``errors`` and ``settings`` may be imported from anywhere.
"""

__version__ = "0.1.0"
