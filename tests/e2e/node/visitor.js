// A visitor's WebSocket, driven by a list of steps, that says what it sees: one JSON object on a line.
//
//   node visitor.js URL '{"protocols": [], "options": {}, "steps": [["text", "hello"], ["await", "message"], ["close", 1000]]}'
//
// Steps: text STRING | binary LENGTH | fragments [STRING...] | ping STRING | close [CODE [REASON]] | terminate |
// await EVENT [COUNT] (until that event has come COUNT times in all). The first step waits for the connection to be open.
'use strict';

const crypto = require('node:crypto');
const WebSocket = require('ws');

const [url, plan] = process.argv.slice(2);
const { protocols = [], options = {}, steps = [] } = JSON.parse(plan || '{}');

const counts = {};
const waiting = [];

const say = (event, fields) => {
  console.log(JSON.stringify({ event, ...fields }));
  counts[event] = (counts[event] || 0) + 1;
  for (const wait of waiting.splice(0)) wait();
};

const awaitEvent = async (event, count = 1) => {
  while ((counts[event] || 0) < count) await new Promise((resolve) => waiting.push(resolve));
};

const sha256 = (data) => crypto.createHash('sha256').update(data).digest('hex');
const sent = [];

const perform = {
  text: (text) => ws.send(text),
  binary: (length) => {
    const data = crypto.randomBytes(length);
    sent.push(sha256(data));
    ws.send(data);
  },
  fragments: (pieces) => pieces.forEach((piece, index) => ws.send(piece, { fin: index === pieces.length - 1 })),
  ping: (payload) => ws.ping(payload),
  close: (...how) => ws.close(...how),
  terminate: () => ws.terminate(),
  await: awaitEvent,
};

const ws = new WebSocket(url, protocols, { maxPayload: 64 * 1024 * 1024, ...options });

ws.on('upgrade', (response) => say('upgrade', { status: response.statusCode, headers: response.headers }));
ws.on('unexpected-response', (request, response) => {
  const body = [];
  response.on('data', (data) => body.push(data));
  response.on('end', () => {
    const { statusCode: status, headers } = response;
    say('refused', { status, headers, body: Buffer.concat(body).toString() });
  });
});
ws.on('message', (data, binary) =>
  say('message', {
    binary,
    length: data.length,
    text: binary || data.length > 1000 ? undefined : data.toString(),
    asSent: binary ? sha256(data) === sent.shift() : undefined,
  }),
);
ws.on('ping', (data) => say('ping', { payload: data.toString() }));
ws.on('pong', (data) => say('pong', { payload: data.toString() }));
ws.on('close', (code, reason) => say('close', { code, reason: reason.toString() }));
ws.on('error', (error) => say('error', { message: error.message }));
ws.on('open', async () => {
  say('open', { protocol: ws.protocol, extensions: ws.extensions });
  for (const [step, ...how] of steps) await perform[step](...how);
});
