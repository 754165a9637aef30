"""Settings of a server that are limits: times, numbers, sizes and rates, with their places in the file.

Times are in seconds, sizes in bytes (the file may say ``64 KiB``).
"""

from sellia.protocol import limits
from sellia.relay.http.forwarded import FIELDS_ADDED
from sellia.server.settings.values import HeadSize
from sellia.settings import Count, PerSecond, Seconds, Settings, Size, setting


class LimitSettings(Settings):
    """The limits of a server."""

    request_timeout: Seconds = setting(
        limits.REQUEST_TIMEOUT,
        "Seconds until the head of a response must be there, for tunnels that set no limit of their own.",
        path="timeouts.request",
    )
    upgrade_timeout: Seconds = setting(
        limits.UPGRADE_TIMEOUT,
        "Seconds until an upgrade must be answered, for tunnels that set no limit of their own.",
        path="timeouts.upgrade",
    )
    request_timeout_limit: Seconds = setting(
        3600.0,
        "Most seconds that a tunnel may set as its request_timeout or upgrade_timeout.",
        path="timeouts.request_limit",
    )
    header_timeout: Seconds = setting(
        10.0, "Seconds until the whole head of a request must be there.", path="timeouts.header"
    )
    keep_alive: Seconds = setting(
        60.0, "Seconds that an idle visitor's connection is kept open.", path="timeouts.keep_alive"
    )
    unread_timeout: Seconds = setting(
        300.0, "Seconds for which a visitor may take nothing at all of what waits for it.", path="timeouts.unread"
    )
    tcp_idle: Seconds | None = setting(
        None, "Seconds without a byte after which a connection to a tcp tunnel is ended.", path="timeouts.tcp_idle"
    )
    udp_idle: Seconds = setting(
        60.0, "Seconds without a datagram after which the flow of a visitor is forgotten.", path="timeouts.udp_idle"
    )
    handshake_timeout: Seconds = setting(
        10.0,
        "Seconds until a TLS handshake, or the header of the PROXY protocol, must be complete.",
        path="timeouts.handshake",
    )
    hello_timeout: Seconds = setting(10.0, "Seconds until a client must have said hello.", path="timeouts.hello")
    ping_interval: Seconds = setting(
        5.0, "Seconds of silence on a link before it is pinged.", path="timeouts.ping_interval"
    )
    ping_timeout: Seconds = setting(15.0, "Seconds of silence on a link before it is given up.", path="timeouts.ping")
    resume_window: Seconds = setting(
        120.0, "Seconds that visitors wait for a client whose link is lost.", path="timeouts.resume"
    )
    drain_timeout: Seconds = setting(
        30.0, "Seconds that exchanges may go on after the server is told to stop.", path="timeouts.drain"
    )

    connections: Count = setting(
        20_000, "Most connections in all, of visitors and of clients.", path="limits.connections"
    )
    connections_per_address: Count = setting(
        4_000,
        "Most connections of one address: a thousand clients behind it make up to four attempts each.",
        path="limits.connections_per_address",
    )
    tcp_connections: Count = setting(
        10_000, "Most connections to tcp tunnels, of all connections.", path="limits.tcp_connections"
    )
    udp_flows: Count = setting(10_000, "Most visitors of udp tunnels at once.", path="limits.udp_flows")
    udp_flows_per_address: Count = setting(
        100, "Most flows of one address, each from a port of its own.", path="limits.udp_flows_per_address"
    )
    sessions: Count = setting(20_000, "Most clients in all, those included whose link is lost.", path="limits.sessions")
    sessions_per_owner: Count = setting(
        2_000,
        "Most clients of one owner, which is whoever has the master key, or without it one address.",
        path="limits.sessions_per_owner",
    )
    tunnels: Count = setting(10_000, "Most tunnels in all.", path="limits.tunnels")
    tunnels_per_owner: Count = setting(
        2_000,
        "Most tunnels of one owner, which is whoever has the master key, or without it one address.",
        path="limits.tunnels_per_owner",
    )
    tunnels_per_client: Count = setting(100, "Most tunnels of one client.", path="limits.tunnels_per_client")
    ports_per_owner: Count = setting(100, "Most ports of one owner's tunnels.", path="limits.ports_per_owner")
    session_streams: Count = setting(
        limits.MAX_STREAMS,
        "Most exchanges at once of one session.",
        path="limits.session_streams",
        le=limits.MAX_STREAMS,
    )
    tunnel_streams: Count = setting(
        limits.MAX_STREAMS // 2, "Most exchanges at once of one tunnel.", path="limits.tunnel_streams"
    )
    away_requests: Count = setting(
        1_000,
        "Most new requests of one client that wait while its connection to the server is lost.",
        path="limits.away_requests",
    )
    session_credit: Size = setting(
        limits.SESSION_HELD_LIMIT,
        "Bytes that may wait for the slow visitors of one session before the slowest is cut off, such as 32 MiB.",
        path="limits.session_credit",
    )
    session_queue: Size = setting(
        limits.SESSION_QUEUE_LIMIT,
        "Bytes that may wait for the link of one session before what is largest is cut off, such as 64 MiB.",
        path="limits.session_queue",
    )
    sessions_memory: Size = setting(
        1024 * limits.MIB,
        "Bytes that may wait in all sessions together before the one with the most is relieved, such as 1 GiB.",
        path="limits.sessions_memory",
    )
    header_limit: HeadSize = setting(
        64 * limits.KIB, "Largest header section, such as 64 KiB.", path="limits.header_size"
    )
    header_fields: Count = setting(
        128,
        "Most fields of a header section.",
        path="limits.header_fields",
        le=limits.HEADER_COUNT_LIMIT - FIELDS_ADDED,
    )
    target_limit: HeadSize = setting(
        8 * limits.KIB, "Longest request target, such as 8 KiB.", path="limits.target_size"
    )
    body_rate: Size = setting(
        100, "Bytes a second below which a request's body counts as too slow.", path="limits.body_rate"
    )
    body_grace: Seconds = setting(
        20.0, "Seconds by which a request's body may lag behind that rate.", path="limits.body_grace"
    )

    websocket_frame_limit: Size | None = setting(
        None, "Largest WebSocket frame, such as 64 MiB.", path="websocket.frame_size"
    )
    websocket_message_limit: Size | None = setting(
        None, "Largest WebSocket message, as it is on the wire, such as 256 MiB.", path="websocket.message_size"
    )
    websocket_fragments: Count = setting(
        131_072, "Most fragments of one WebSocket message.", path="websocket.fragments"
    )
    websocket_empty_fragments: Count = setting(
        1_000, "Most fragments in a row that have no byte.", path="websocket.empty_fragments"
    )
    control_burst: Count = setting(
        2_000,
        "Pings and pongs on a WebSocket at once, such as after a link that was away for a while.",
        path="websocket.control_frames.burst",
    )
    control_rate: PerSecond = setting(
        100.0, "Pings and pongs on a WebSocket a second in the long run.", path="websocket.control_frames.per_second"
    )
    while_away_pings: bool = setting(
        True,
        "false to leave WebSocket pings unanswered while a client has lost its connection.",
        path="websocket.while_away_pings",
    )
    link_control_burst: Count = setting(
        1_000, "Pings on a link at once, and as much that says nothing.", path="link.control_frames.burst"
    )
    link_control_rate: PerSecond = setting(
        100.0, "The same, a second in the long run.", path="link.control_frames.per_second"
    )

    link_burst: Count = setting(
        2_000,
        "New sessions of one owner at once: a thousand clients behind one address, which all come back.",
        path="rates.sessions.burst",
    )
    link_rate: PerSecond = setting(
        50.0, "New sessions of one owner a second in the long run.", path="rates.sessions.per_second"
    )
    tunnel_burst: Count = setting(
        200,
        "Names that one client may ask for at once, such as twice for each of as many as it may have.",
        path="rates.tunnels.burst",
    )
    tunnel_rate: PerSecond = setting(
        1.0, "Names that one client may ask for a second in the long run.", path="rates.tunnels.per_second"
    )
    request_burst: Count = setting(
        2_000,
        "Requests to one tunnel at once: a page of 300 modules, loaded by several people in one moment.",
        path="rates.requests.burst",
    )
    request_rate: PerSecond = setting(
        500.0, "Requests a second to one tunnel in the long run.", path="rates.requests.per_second"
    )
    websocket_burst: Count = setting(
        100_000,
        "Frames that a visitor may send on a WebSocket at once, such as 4 MiB in pieces of 64 bytes.",
        path="rates.websocket_frames.burst",
    )
    websocket_rate: PerSecond = setting(
        10_000.0,
        "Frames that a visitor may send on a WebSocket a second in the long run.",
        path="rates.websocket_frames.per_second",
    )
    admin_burst: Count = setting(
        1_000, "Calls of the admin API that one key may make at once.", path="rates.admin.burst"
    )
    admin_rate: PerSecond = setting(100.0, "The same, a second in the long run.", path="rates.admin.per_second")
    auth_failures_burst: Count = setting(
        10,
        "Wrong keys, or wrong passwords for one tunnel, that one address may show at once.",
        path="rates.auth_failures.burst",
    )
    auth_failures_rate: PerSecond = setting(
        0.1,
        "Wrong keys, or wrong passwords for one tunnel, of one address a second in the long run.",
        path="rates.auth_failures.per_second",
    )
