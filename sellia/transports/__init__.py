"""Twisted and Autobahn mechanics that server and client share: the link, and a WebSocket as a leg of a stream."""
