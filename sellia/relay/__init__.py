"""What the relay knows and decides, without a socket and without a clock.

Sessions, streams, credit, turn-taking and resume; the registry of tunnels; the rules for headers,
hosts, names and secrets.  Nothing in here imports twisted or autobahn, and time comes in as an
argument.
"""
