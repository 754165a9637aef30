"""The client's way to the server: attempts, back-off, and the link that they make.

Imports `sellia.client.tls` and the lower rooms.
"""
