"""Log lines about sessions: what each says, and that a stranger cannot make them without bound."""

from tests.server.gateways import GatewayCase


class SessionLogTests(GatewayCase):
    def test_the_life_of_a_session(self) -> None:
        logged = self.logged()
        client = self.server.client().connect().open()
        self.server.cut(client)
        client.attempt = 2
        client.connect()
        client.attempt = 1
        client.connect()
        self.gateway.stop()
        self.server.talk()
        for words in ("session opened: ", "link lost: ", "link back: ", "link ignored, "):
            self.assertEqual(len([line for line in logged if line.startswith(words)]), 1, (words, logged))
        ended = [line for line in logged if line.startswith("session ended: ")]
        self.assertIn("tunnels=demo", "".join(ended))
