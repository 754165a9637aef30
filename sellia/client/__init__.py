"""The private end of the tunnel: it keeps a link to a server and dials the service for each stream."""
