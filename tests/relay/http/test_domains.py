"""Domains of owners' own: which can be had, and which records show whose they are."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.relay.http.domains import Records, checked_domain, domain_label, domain_of, token_of

SERVER = "tunnel.example.com"


class DomainTests(SynchronousTestCase):
    def test_good_ones(self) -> None:
        for text, domain in (
            ("Shop.Example.ORG", "shop.example.org"),
            ("example.org.", "example.org"),
            ("*.example.org", "*.example.org"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ):
            self.assertEqual(checked_domain(text), domain)
            self.assertEqual(domain_of(domain_label(domain)), domain)

    def test_bad_ones(self) -> None:
        for text in (
            *("", ".", "*", "*.", "org", "*.org", "localhost", "a.localhost", "127.0.0.1", "[::1]", "a..b", "a b.org"),
            *("a_b.org", "-a.org", "a-.org", "*.*.org", "a.*.org", "x*.a.org", "a.org..", "http://a.org", "a.org:80"),
            *("a.org/", "b\u00fccher.example", "a" * 64 + ".org", "a." * 120 + "example.org", "a.org\n", "a\0.org"),
        ):
            with self.assertRaises(ValueError, msg=text) as caught:
                checked_domain(text)
            self.assertTrue(str(caught.exception).startswith("is not a domain"), text)

    def test_other_labels_are_no_domains(self) -> None:
        for label in ("myapp", "a.myapp", "*.myapp", "tcp:20000", ""):
            self.assertEqual(domain_of(label), "")


class RecordTests(SynchronousTestCase):
    def records(self, domain: str = "shop.example.org", identity: str = "") -> Records:
        return Records(domain, SERVER, token_of(identity, SERVER, domain), alone=not identity)

    def test_tokens(self) -> None:
        """Are labels of the DNS, the same each time, and different for each owner, server and domain."""
        tokens = {
            token_of(identity, server, domain)
            for identity in ("", "acc_1", "acc_2")
            for server in (SERVER, "other.example")
            for domain in ("shop.example.org", "example.org")
        }
        self.assertEqual(len(tokens), 12)
        for token in tokens:
            self.assertRegex(token, r"^sellia-[a-z2-7]{26}$")
        self.assertEqual(token_of("", SERVER, "*.example.org"), token_of("", SERVER, "example.org"))

    def test_text(self) -> None:
        records = self.records()
        self.assertEqual(records.text_name, "_sellia.shop.example.org")
        self.assertEqual(self.records("*.example.org").text_name, "_sellia.example.org")
        self.assertTrue(records.in_texts(["v=spf1", f" {records.token.upper()} "]))
        for texts in ([], [""], ["sellia-"], [records.token + "x"], [self.records(identity="acc_1").token]):
            self.assertFalse(records.in_texts(texts), texts)

    def test_alias_where_there_is_one_owner(self) -> None:
        records = self.records()
        for target in (SERVER, "Tunnel.Example.com.", "myapp." + SERVER, "a.b." + SERVER):
            self.assertTrue(records.leads_here(target), target)
        for target in ("example.com", "xtunnel.example.com", SERVER + ".evil.example", "", "a b", "\x1b"):
            self.assertFalse(records.leads_here(target), target)

    def test_alias_where_there_are_others(self) -> None:
        """A record that was left behind gives a domain to nobody else."""
        mine, others = self.records(identity="acc_1"), self.records(identity="acc_2")
        self.assertEqual(mine.target, f"{mine.token}.{SERVER}")
        self.assertTrue(mine.leads_here(mine.target))
        for target in (SERVER, "myapp." + SERVER, others.target, "x." + mine.target):
            self.assertFalse(mine.leads_here(target), target)

    def test_advice(self) -> None:
        said = self.records().advice
        self.assertIn("shop.example.org CNAME tunnel.example.com, or _sellia.shop.example.org TXT sellia-", said)
