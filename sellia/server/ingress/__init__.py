"""The public side: reads visitors' requests, finds their tunnels, and relays the exchanges.

Imports `sellia.server.limiter`, settings and the lower rooms; never `sellia.server.gateway.gateway`.
"""
