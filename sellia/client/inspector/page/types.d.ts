// What the inspector's API says, as `sellia/inspector/shapes.py` and `sellia/client/inspector` make it. Times are seconds since 1970.

export interface Cause {
  id: string;
  who: "visitor" | "proxy" | "server" | "link" | "client" | "service" | "unknown";
  what: string;
  sentence: string;
  remedy: string;
  evidence: Record<string, string | number>;
}

export interface Counts {
  from_visitor: number;
  to_visitor: number;
  frames: number;
  bytes_from_visitor: number;
  bytes_to_visitor: number;
  left_out: number;
}

export interface End {
  by: string;
  code: number | string | null;
  reason: string;
}

export interface Summary {
  id: string;
  version: number;
  kind: "http" | "websocket" | "upgrade" | "tcp" | "udp";
  tunnel: string;
  origin: "visitor" | "inspector" | "import";
  replay_of: string | null;
  edited: boolean;
  kept: boolean;
  visitor: string;
  method: string;
  host: string;
  target: string;
  status: number | null;
  type: string | null;
  started: number;
  seconds: number | null;
  open: boolean;
  request_bytes: number;
  response_bytes: number;
  messages: Counts | null;
  end: End | null;
  cause: Cause | null;
}

export type Field = [string, string];

export interface BodyInfo {
  bytes: number;
  kept: number;
  truncated: boolean;
  type: string | null;
  encoding: string | null;
}

export interface Timing {
  started: number;
  sent: number | null;
  request_ended: number | null;
  answered: number | null;
  first_byte: number | null;
  last_byte: number | null;
  ended: number | null;
  link: number | null;
}

export interface Gap {
  begin: number;
  frames: number;
  from_visitor: number;
  to_visitor: number;
  bytes_from_visitor: number;
  bytes_to_visitor: number;
  since: number;
  until: number;
}

export interface Mark {
  at: number;
  what: "lost" | "resumed" | "expired";
}

export interface Detail extends Summary {
  visitor_port: number | null;
  request: {
    version: string;
    headers: Field[];
    sent_target: string | null;
    sent_headers: Field[] | null;
    body: BodyInfo;
    trailers: Field[];
  };
  response: {
    interim: { at: number; status: number; reason: string; headers: Field[] }[];
    status: number | null;
    reason: string;
    headers: Field[];
    body: BodyInfo;
    trailers: Field[];
  };
  timing: Timing;
  link: { trip: number | null; credit: number | null; attached: boolean } | null;
  marks: Mark[];
  timeline: {
    subprotocol: string;
    deflate: {
      client_max_window_bits: number;
      server_max_window_bits: number;
      client_no_context_takeover: boolean;
      server_no_context_takeover: boolean;
    } | null;
    gap: Gap | null;
  } | null;
  replayable: boolean;
}

export interface Message {
  number: number;
  at: number;
  ended_at: number;
  from_visitor: boolean;
  kind: string;
  compressed: boolean;
  bytes: number;
  truncated: boolean;
  complete: boolean;
  injected: boolean;
  fragments: { number: number; at: number; bytes: number; final: boolean }[];
  /** The beginning of its text; null: it has none. */
  text?: string | null;
  decoder?: string | null;
  /** What a decoder says of it, in a line. */
  title?: string | null;
  inflated?: number | null;
}

export interface Tunnel {
  name: string;
  kind: string;
  state: string;
  subdomain: string | null;
  url: string | null;
  targets: { path: string; target: string }[];
}

export interface Lost {
  exchanges: number;
  frames: number;
  bytes: number;
  until: number;
}

export interface Status {
  version: string;
  now: number;
  server: string | null;
  link: { state: "up" | "lost" | "connecting"; seconds: number; round_trip: number | null; reason: string | null } | null;
  stopping: boolean;
  tunnels: Tunnel[];
  store: { memory: number; used: number; exchanges: number; begun: number; lost: Lost };
  recording: string | null;
}

export interface Hold {
  id: string;
  what: "requests" | "messages";
  filter: string;
  direction: "both" | "to-service" | "to-visitor";
  contains: string;
  seconds: number;
  once: boolean;
}

/** Text, or bytes in base64; neither where it is not known. */
export interface HeldContent {
  bytes: number;
  text: string | null;
  base64: string | null;
}

export interface Held {
  id: string;
  hold: string;
  since: number;
  until: number;
  request?: HeldContent & {
    tunnel: string;
    visitor: string;
    websocket: boolean;
    method: string;
    target: string;
    headers: Field[];
    complete: boolean;
  };
  exchange?: string;
  message?: HeldContent & { direction: "to-service" | "to-visitor"; opcode: string; changeable: boolean };
}

export interface Holds {
  holds: Hold[];
  held: Held[];
}

/** What the client's decoders have found in a body or a message. */
export interface Content {
  decoder: string | null;
  /** Laid out; null: it is no text. */
  text: string | null;
  fields: Field[] | null;
  notes: string[];
  type: string | null;
  /** One line that says what it is, where the text does not. */
  title: string;
  /** Without codings, as far as they were kept. */
  bytes: Uint8Array;
}
