// A query and the same subscription over both ways; the last line is the outcome.
import { createClient } from 'graphql-ws';
import http from 'node:http';
import WebSocket from 'ws';

const url = `${process.argv[2]}/graphql`;

function post(query, accept) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method: 'POST', headers: { 'content-type': 'application/json', accept } }, (response) => {
      let text = '';
      response.on('data', (piece) => {
        text += piece;
        if (text.includes('"count":1}')) console.log('first');
      });
      response.on('end', () => resolve(text));
    });
    request.on('error', reject);
    request.end(JSON.stringify({ query }));
  });
}

const query = JSON.parse(await post('{ hello }', 'application/json')).data.hello;
const events = await post('subscription { count(to: 4) }', 'text/event-stream');
const client = createClient({ url: url.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 });
const counts = [];
for await (const event of client.iterate({ query: 'subscription { count(to: 4) }' })) counts.push(event.data.count);
const streamed = [...events.matchAll(/"count":(\d)/g)].map((found) => Number(found[1]));
console.log(JSON.stringify({ query, 'server-sent events': streamed, WebSocket: counts }));
process.exit(0);
