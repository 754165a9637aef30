// The words of the filter language that are offered and explained.

/** Words of the filter language, and what each is for. */
export const WORDS = /** @type {[string, string][]} */ ([
  ["method:POST", "the request's method"],
  ["status:5xx", "a status, or all of its hundred"],
  ["path:/api", "text in the path; * stands for anything"],
  ["host:name", "the host that was asked for"],
  ["tunnel:name", "the tunnel"],
  ["type:json", "the media type of the response"],
  ["is:websocket", "also http, open, closed, replayed, edited, composed, imported, kept"],
  ["has:error", "also cause, body, messages, gap, cookies, link-loss"],
  ["close:1006", "the close code of a WebSocket"],
  ["larger-than:10k", "more bytes than these"],
  ["slower-than:500ms", "longer than this"],
  ["header:name=value", "a header field of either side"],
  ['body:"text"', "text in either body"],
  ['message:"text"', "text in a message of a WebSocket"],
]);
