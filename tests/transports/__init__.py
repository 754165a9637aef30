"""Tests of what both ends share: the link, frames on sockets, turns, the log."""
