// A WebSocket service that says what it sees: one JSON object on a line.
//
//   node service.js [port]
//
// What it does is in the path, what it is told in the query; `id` in the query is repeated in every line, so that a
// test finds its own connection:
//
//   /echo                         sends every message back as it came
//   /deflate                      the same, with permessage-deflate for messages of any size
//   /greet                        sends "first" and "second" in the same write as the 101
//   /close?code=1001&reason=bye   closes so upon the first message; without a code: an empty close frame
//   /terminate                    ends the socket without a close frame upon the first message
//   /ping?payload=x               pings upon the first message, and says when the pong comes
//   /cookies                      puts headers of its own into the 101
//   /second                       agrees to the second subprotocol offered
//   /refuse?status=401            refuses the upgrade, with headers and a body
//   /slow                         agrees to the upgrade only when /go?id= has been asked for
'use strict';

const http = require('node:http');
const { WebSocketServer } = require('ws');

const say = (event, fields) => console.log(JSON.stringify({ event, ...fields }));

const options = { noServer: true, clientTracking: false, maxPayload: 64 * 1024 * 1024 };
const plain = new WebSocketServer({
  ...options,
  handleProtocols: (offered, request) => {
    const all = [...offered];
    return request.url.startsWith('/second') ? all[1] : all[0];
  },
});
const deflating = new WebSocketServer({ ...options, perMessageDeflate: { threshold: 0 } });

plain.on('headers', (headers, request) => {
  if (request.url.startsWith('/cookies')) {
    headers.push('Set-Cookie: a=1; Path=/', 'Set-Cookie: b=2; HttpOnly', 'X-Service: here');
  }
});

const behaviours = {
  '/echo': (ws) => ws.on('message', (data, binary) => ws.send(data, { binary })),
  '/deflate': (ws) => ws.on('message', (data, binary) => ws.send(data, { binary })),
  '/cookies': () => {},
  '/second': () => {},
  '/slow': (ws) => ws.send('at last'),
  '/greet': (ws) => {
    ws.send('first');
    ws.send('second');
  },
  '/close': (ws, query) =>
    ws.once('message', () => {
      if (query.has('code')) ws.close(Number(query.get('code')), query.get('reason') || '');
      else ws.close();
    }),
  '/terminate': (ws) => ws.once('message', () => ws.terminate()),
  '/ping': (ws, query) => ws.once('message', () => ws.ping(query.get('payload'))),
};

const held = new Map();

const server = http.createServer((request, response) => {
  const url = new URL(request.url, 'http://service');
  if (url.pathname === '/go') held.get(url.searchParams.get('id'))?.();
  response.end('ok\n');
});

server.on('upgrade', (request, socket, head) => {
  const url = new URL(request.url, 'http://service');
  const id = url.searchParams.get('id');
  say('upgrade', { id, url: request.url, headers: request.headers, rawHeaders: request.rawHeaders });
  socket.on('error', (error) => say('socket-error', { id, code: error.code }));

  if (url.pathname === '/refuse') {
    const status = url.searchParams.get('status');
    const body = `no, because ${status}\n`;
    socket.end(
      `HTTP/1.1 ${status} Refused\r\nWWW-Authenticate: Bearer realm="service"\r\nX-Why: because\r\n` +
        `Content-Type: text/plain\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
    );
    return;
  }

  const accept = () => {
    // Corked, the 101 and what is sent in the same turn leave in one write.
    socket.cork();
    process.nextTick(() => socket.uncork());
    const side = url.pathname === '/deflate' ? deflating : plain;
    side.handleUpgrade(request, socket, head, (ws) => {
      say('open', { id, protocol: ws.protocol, extensions: ws.extensions });
      ws.on('message', (data, binary) => say('message', { id, binary, length: data.length }));
      ws.on('ping', (data) => say('ping', { id, payload: data.toString() }));
      ws.on('pong', (data) => say('pong', { id, payload: data.toString() }));
      ws.on('close', (code, reason) => say('close', { id, code, reason: reason.toString() }));
      ws.on('error', (error) => say('error', { id, message: error.message }));
      behaviours[url.pathname]?.(ws, url.searchParams);
    });
  };
  if (url.pathname === '/slow') held.set(id, accept);
  else accept();
});

server.listen(Number(process.argv[2] || 0), '127.0.0.1', () => say('listening', { port: server.address().port }));
