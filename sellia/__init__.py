"""Sellia puts a service that runs on your own machine on a public URL.

The words, which mean the same everywhere in this package (``docs/architecture.rst`` has all of them, with the field's):

visitor
    whoever connects to the public side: a browser, a webhook sender, ``wscat``
service
    the local program that is exposed: the origin server
tunnel
    a public name, or a port of the server, that is bound to an upstream: a client's session, or a pool
owner
    whoever may have a name: those who show the same key, or without keys one address
link
    one WebSocket connection from a client to a server; links come and go
keeper
    whoever a link belongs to and reports to: the gateway, or the client's connector
session
    the conversation between one client and one server; it outlives its links
parcel
    a numbered message of a session, a batch of records, that is kept until it is acknowledged
record
    the opening, data, credit or reset of one stream: what HTTP/2 calls a frame
stream
    one exchange inside a session, flow-controlled each way, as in HTTP/2
exchange
    what a stream carries: an HTTP request and its response, a WebSocket, a TCP connection
leg
    the endpoint of a stream at one side: the visitor's connection, or the service's
credit
    the flow-control window: bytes that the receiving end of a stream has allowed the sender to send
dialect
    how a session is spelled on the link: ``native``, or ``original``
ingress, gateway
    the server's public side; the place where links arrive

The rooms, each of which imports only from those to its left::

    protocol <- relay <- transports <- server | client <- tap, cli, plugins

``protocol`` turns bytes into values and back.  ``relay`` decides: sessions, streams, flow control, headers, names.
Both are pure: no I/O, no clock.  ``transports`` are the sockets that both ends share.  ``server`` and ``client`` never
import each other.  ``errors``, ``problems``, ``text`` and ``settings`` may be imported from anywhere.
"""

__version__ = "0.1.0"
