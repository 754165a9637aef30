// A service of many kinds, for tests of the inspector's page: requests that are told back, plain WebSockets, Socket.IO,
// and GraphQL over WebSockets. Prints where it listens, then what it is asked, one JSON object on a line.
'use strict';

const http = require('node:http');
const { buildSchema } = require('graphql');
const { useServer } = require('graphql-ws/use/ws');
const { Server } = require('socket.io');
const { WebSocketServer } = require('ws');

const say = (event, told) => process.stdout.write(`${JSON.stringify({ event, ...told })}\n`);

const server = http.createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const body = Buffer.concat(parts);
  const told = { method: request.method, url: request.url, headers: request.headers, body: body.toString('base64') };
  if (request.url.startsWith('/socket.io/')) return;
  say('request', told);
  const status = Number(/^\/status\/(\d+)/.exec(request.url)?.[1] ?? 200);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Set-Cookie': 'sid=s3cret; HttpOnly' });
  if (request.url.startsWith('/stable')) response.end('{"always": "the same"}');
  else response.end(JSON.stringify({ ...told, body: body.toString('latin1') }));
});

const echo = new WebSocketServer({ noServer: true, perMessageDeflate: { threshold: 0 } });
echo.on('connection', (socket, request) => {
  const every = Number(/ping=(\d+)/.exec(request.url)?.[1] ?? 0);
  const timer = every ? setInterval(() => socket.ping('beat'), every) : undefined;
  socket.on('close', (code) => (clearInterval(timer), say('close', { code, url: request.url })));
  socket.on('message', (data, binary) => {
    say('message', { text: data.toString(), url: request.url });
    const close = /^close (\d+) ?(.*)/.exec(data.toString());
    if (close) socket.close(Number(close[1]), close[2]);
    else if (data.toString() === 'drop') socket.terminate();
    else socket.send(data, { binary });
  });
});

const graphql = new WebSocketServer({ noServer: true });
const schema = buildSchema('type Query { hello: String } type Subscription { ticks: Int }');
const ticks = async function* () {
  for (const each of [1, 2, 3]) yield { ticks: each };
};
useServer({ schema, roots: { subscription: { ticks } } }, graphql);

new Server(server, { destroyUpgrade: false }).on('connection', (socket) => {
  socket.on('chat', (text) => socket.emit('chat', { said: text.toUpperCase() }));
});

server.on('upgrade', (request, socket, head) => {
  if (request.url.startsWith('/socket.io/')) return;
  const chosen = request.url.startsWith('/graphql') ? graphql : echo;
  chosen.handleUpgrade(request, socket, head, (opened) => chosen.emit('connection', opened, request));
});
server.listen(0, '127.0.0.1', () => say('listening', { port: server.address().port }));
