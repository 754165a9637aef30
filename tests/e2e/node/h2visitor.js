// A visitor with a WebSocket over HTTP/2 (RFC 8441) that says what it sees: one JSON object on a line.
//
//   node h2visitor.js URL TEXT [CODE REASON]
//
// Sends TEXT as a message and, with CODE, at once a close frame and the end of its side of the stream, as browsers do
// when a page closes. Says each message, the close frame that comes, and the end of the stream.
'use strict';

const http2 = require('node:http2');

const [, , target, text, code, reason] = process.argv;
const url = new URL(target);
const say = (event, fields) => console.log(JSON.stringify({ event, ...fields }));

const frame = (opcode, payload) =>
  Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0]), payload]); // masked by zeros

const session = http2.connect(url.origin);
session.on('error', (error) => say('error', { message: error.message }));
session.on('remoteSettings', (settings) => {
  if (!settings.enableConnectProtocol) {
    say('unsupported', {});
    session.close();
    return;
  }
  const stream = session.request(
    {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'https',
      ':authority': url.host,
      ':path': url.pathname + url.search,
      'sec-websocket-version': '13',
    },
    { endStream: false },
  );
  let seen = Buffer.alloc(0);
  stream.on('response', (headers) => {
    say('response', { status: headers[':status'] });
    stream.write(frame(1, Buffer.from(text)));
    if (code) {
      const payload = Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]);
      stream.end(frame(8, payload));
    }
  });
  stream.on('data', (data) => {
    seen = Buffer.concat([seen, data]);
    while (seen.length >= 2 && seen.length >= 2 + seen[1]) {
      const payload = seen.subarray(2, 2 + seen[1]);
      if (seen[0] === 0x88) say('close', { code: payload.readUInt16BE(0), reason: payload.subarray(2).toString() });
      else say('message', { text: payload.toString() });
      seen = seen.subarray(2 + payload.length);
    }
  });
  stream.on('error', (error) => say('stream-error', { message: error.message }));
  stream.on('close', () => {
    say('end', { rest: seen.length });
    session.close();
  });
});
