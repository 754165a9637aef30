"""Protocol limits: sizes that both ends of a link agree on before anything is allocated.

They are part of the native dialect (``docs/protocol.rst``): a peer that exceeds one has broken the protocol, and
its link is closed.  What a visitor or a service may do is a matter of settings, not of this module.
"""

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

#: Bytes of one parcel that the sender aims for: what one read of a socket brings.  Small enough that a link of
#: 10 Mbit/s spends 100 ms on one, so that nothing urgent waits longer; large enough that the cost of a WebSocket
#: message disappears.
PARCEL_TARGET: Final = 120 * KIB

#: The largest link message that a receiver accepts.  A parcel overshoots its target by at most one record.
LINK_MESSAGE_LIMIT: Final = 512 * KIB

#: Bulk bytes in one record at most; also what one stream may send in its turn.
RECORD_LIMIT: Final = 64 * KIB

#: A head (method, target, headers; status, headers) encoded, at most.  Above the ingress's own limit of 64 KiB for
#: a header section, because encoding adds a few bytes for each field.
HEAD_LIMIT: Final = 96 * KIB

#: A response's whole body of so many bytes at most goes with its head: one record less for each small response.
SHORT_BODY: Final = 8 * KIB

#: Fields in one header section, at most.
HEADER_COUNT_LIMIT: Final = 512

#: Any other control message, encoded.
CONTROL_LIMIT: Final = 16 * KIB

#: What a record of a stream costs beyond its payload, in credit.  About what a small object costs in memory, so that a
#: stream of empty frames or one-byte chunks is bounded by credit as well as a stream of large ones.
RECORD_COST: Final = 64

#: Credit of a stream in each direction when it opens, in bytes (payload plus ``RECORD_COST`` for each record).
INITIAL_CREDIT: Final = 256 * KIB

#: What a receiver lets a stream's credit grow to while its reader keeps up.  Two MiB carry 160 Mbit/s over a link of
#: 100 ms; a reader that stops after it kept up costs at most this much memory.
MAX_CREDIT: Final = 2 * MIB

#: What all streams of a session together may hold for readers that do not read.  The design is in ``relay.session``.
SESSION_HELD_LIMIT: Final = 32 * MIB

#: What all streams of a session together may have waiting to be sent, heads of new streams included.
SESSION_QUEUE_LIMIT: Final = 64 * MIB

#: Unacknowledged parcels that a sender keeps for a lost link, in bytes.  It stops sending until acks arrive.
REPLAY_LIMIT: Final = 4 * MIB

#: A receiver acknowledges at the latest after so many bytes of parcels.
ACK_EVERY: Final = 128 * KIB

#: Streams that each end of a session may have open at once, of those that it opened.
MAX_STREAMS: Final = 20_000

#: What may wait ahead of bulk data (credit, resets, answers about tunnels) for a peer that sends without reading,
#: ``RECORD_COST`` for each record included.  Five such records for each of 20,000 streams stay below it.
URGENT_LIMIT: Final = 16 * MIB

#: Streams that we have reset, of which a receiver remembers that late records may still arrive.  Of older ones it
#: drops whatever arrives, without telling late from wrong.
LINGERING_LIMIT: Final = 4096

#: Seconds until the head of a response, and the answer to an upgrade, must be there, for a tunnel that sets no limits.
REQUEST_TIMEOUT: Final = 600.0
UPGRADE_TIMEOUT: Final = 60.0

#: Records of unknown kinds in one parcel.
IDLE_LIMIT: Final = 1024
