// What the admin API says, as `sellia/server/admin/reports.py` makes it. Times are texts as RFC 3339 has them.

export interface SignIn {
  signed_in: boolean;
  prefix: string | null;
  account: string | null;
  scopes: string[];
  ends_at: string | null;
}

export interface Overview {
  at: string;
  version: string;
  draining: boolean;
  database: string;
  accounts: number;
  keys: number;
  names: number;
  sessions: number;
  links: number;
  tunnels: number;
  streams: number;
  connections: number;
  requests: number;
  limits: Record<string, number>;
  counters: Record<string, number>;
}

export interface Account {
  id: string;
  name: string;
  limits: string;
  note: string;
  created_at: string;
  closed_at: string | null;
}

export interface Key {
  id: string;
  account: string;
  name: string;
  prefix: string;
  scopes: string[];
  names: string[];
  networks: string[];
  limits: string | null;
  state: "active" | "expired" | "revoked";
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
  revoked_reason: string;
  replaces: string | null;
  last_used_at: string | null;
  last_used_from: string;
}

export interface CreatedKey extends Key {
  key: string;
}

export interface Name {
  kind: string;
  name: string;
  account: string | null;
  created_at: string | null;
  expires_at: string | null;
  note: string;
}

export interface Domain {
  domain: string;
  account: string | null;
  created_at: string;
  proved_at: string | null;
  records: { type: string; name: string; value: string }[];
}

export interface Session {
  id: string;
  name: string;
  account: string | null;
  key: string | null;
  key_prefix: string;
  address: string;
  client: string;
  dialect: string;
  state: string;
  since: string;
  rtt_seconds: number | null;
  streams: number;
  bytes_in: number;
  bytes_out: number;
  tunnels: { name: string; kind: string; streams: number }[];
}

export interface Event {
  id: number;
  at: string;
  kind: string;
  account: string | null;
  key_prefix: string;
  address: string;
  subject: string;
  detail: Record<string, string | number | boolean | null>;
}

export interface Sums {
  requests: number;
  messages: number;
  bytes_in: number;
  bytes_out: number;
  connected_seconds: number;
}

export interface Totals {
  days: (Sums & { day: string })[];
  accounts: (Sums & { account: string })[];
}

export interface Page<Item> {
  items: Item[];
  next: string | null;
}
