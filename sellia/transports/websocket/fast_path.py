"""Fast path of the frame parser: where the next frame lies in what was read, for frames of the usual kind.

Need
    Autobahn's parser cuts what it has taken off the front of its buffer, twice for each frame: a read of 64 KiB that
    holds thousands of small frames would be copied thousands of times, and each frame costs it several objects.  The
    frames that make up nearly all traffic (known opcode, masked as they should be, their length spelled in the
    shortest way) need no more than a look at two bytes.

How it is used
    :func:`span` says where the payload of such a frame lies.  Whatever it does not know is left, from the frame's
    first byte on, to Autobahn, which is the one to judge it.  So nothing here decides that a frame is wrong.
"""

from typing import Final

#: What :func:`span` says of a frame that is not of the usual kind.
UNUSUAL: Final = (-1, -1)

_from_bytes = int.from_bytes


def span(data: bytes, offset: int, masked: bool) -> tuple[int, int]:
    """Return where the payload of the frame at ``offset`` starts and stops; the masking key stands before it.

    The stop may lie behind the end of ``data``: so much more must be read.  While the head itself is incomplete, it is
    a lower bound.  :data:`UNUSUAL` for a frame whose mask bit is not as ``masked`` says, or whose length is not
    spelled in the shortest way (RFC 6455, 5.2).  Nothing is said about the frame's first byte.
    """
    head = offset + 6 if masked else offset + 2
    if offset + 2 > len(data):
        return head, head
    length = data[offset + 1]
    if masked:
        length -= 0x80
    if 0 <= length < 126:
        return head, head + length
    if length == 126:
        head += 2
        if len(data) < offset + 4:
            return head, head + 126
        length = data[offset + 2] << 8 | data[offset + 3]
        return (head, head + length) if length > 125 else UNUSUAL
    if length == 127:
        head += 8
        if len(data) < offset + 10:
            return head, head + 0x10000
        length = _from_bytes(data[offset + 2 : offset + 10], "big")
        return (head, head + length) if 0xFFFF < length < 1 << 63 else UNUSUAL
    return UNUSUAL
