"""All messages: frozen, told apart by their tags, and open to fields that later versions add at the end."""

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol import messages, native

#: Maps by name inside of messages.
MAPS = (messages.TunnelOptions, messages.ServerLimits, messages.Why)


def all_structs() -> list[type[msgspec.Struct]]:
    """Every struct that the module defines."""
    return [
        each
        for each in vars(messages).values()
        if isinstance(each, type) and issubclass(each, msgspec.Struct) and not each.__name__.startswith("_")
    ]


def all_messages() -> list[type[msgspec.Struct]]:
    """Every message that the module defines."""
    return [each for each in all_structs() if each not in MAPS]


class MessagesTests(SynchronousTestCase):
    """What holds for each of them."""

    def test_each_says_what_it_means(self) -> None:
        for message in all_structs():
            self.assertTrue(message.__doc__, message)

    def test_each_is_an_array_that_begins_with_its_own_tag(self) -> None:
        tags = [message.__struct_config__.tag for message in all_messages()]
        self.assertEqual(len(tags), len(set(tags)))
        self.assertNotIn(None, tags)
        self.assertEqual(msgspec.msgpack.decode(native.encode(messages.Ack(7))), ["ack", 7])

    def test_none_can_be_changed(self) -> None:
        for message in all_messages():
            self.assertTrue(message.__struct_config__.frozen, message)
            self.assertTrue(message.__struct_config__.array_like, message)

    def test_maps_of_options_leave_out_defaults_and_ignore_unknown_names(self) -> None:
        for options in MAPS:
            self.assertTrue(options.__struct_config__.frozen, options)
            self.assertEqual(msgspec.msgpack.decode(msgspec.msgpack.encode(options())), {}, options)
            self.assertEqual(msgspec.msgpack.decode(msgspec.msgpack.encode({"newer": [1]}), type=options), options())

    def test_a_newer_peer_may_add_fields_at_the_end(self) -> None:
        longer = msgspec.msgpack.encode(["ack", 7, "something new", {"and": "more"}])
        self.assertEqual(native.decode_link(b"\x00" + longer), messages.Ack(7))

    def test_an_older_peer_may_leave_out_fields_with_defaults(self) -> None:
        shorter = msgspec.msgpack.encode(["hello", 1, "sellia 1.0"])
        self.assertEqual(native.decode_link(b"\x00" + shorter), messages.Hello(1, "sellia 1.0"))
