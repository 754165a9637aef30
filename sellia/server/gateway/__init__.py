"""The gateway, the clients' side of the server: accepts links, keeps sessions, opens and closes tunnels.

Imports `sellia.server.limiter`, settings and the lower rooms; never `sellia.server.ingress.ingress`.
"""
