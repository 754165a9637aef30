"""Credentials of the other end of a socket."""

import os
import socket

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.control.peers import is_ours, peer_process, peer_user


class PeerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX)
        self.addCleanup(self.ours.close)
        self.addCleanup(self.theirs.close)

    def test_this_process(self) -> None:
        self.assertEqual(peer_user(self.ours), os.geteuid())
        self.assertIn(peer_process(self.ours), (os.getpid(), None))
        self.assertTrue(is_ours(self.ours))

    def test_another_user(self) -> None:
        """Judged by who the peer is, not by who this process has become since."""
        if os.geteuid() != 0:
            return
        self.addCleanup(os.seteuid, 0)
        os.seteuid(65534)
        self.assertFalse(is_ours(self.ours))

    def test_over(self) -> None:
        self.ours.close()
        self.assertFalse(is_ours(self.ours))
        self.assertIsNone(peer_process(self.ours))
