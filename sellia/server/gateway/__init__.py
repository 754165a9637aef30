"""The side of the clients: accepts links, keeps sessions, and opens and closes tunnels.

Imports `sellia.server.limiter`, settings and the lower rooms; never `sellia.server.ingress.ingress`.
"""
