"""Tests of the relay's pure rules and machines: scripts of events, no sockets, no clock."""
