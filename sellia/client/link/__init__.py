"""Connection to the server: attempts, exponential backoff, and the link that they make.

Imports `sellia.client.tls` and the lower rooms.
"""
