// The application of tests/field/contract.py with Fastify.
'use strict';

const crypto = require('node:crypto');
const { Readable } = require('node:stream');
const fastify = require('fastify')({ bodyLimit: 1 << 28 });

let closed = 'nobody';

fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => done(null, body));
fastify.register(require('@fastify/websocket'), { options: { maxPayload: 1 << 28 } });
fastify.register(async (app) => {
  app.get('/hello', async () => 'hello');
  app.get('/closed', async () => closed);
  app.post('/digest', async (request) => {
    const hash = crypto.createHash('sha256').update(request.body).digest('hex');
    return `${request.body.length} ${hash}`;
  });
  app.get('/stream', (request, reply) => {
    reply.send(Readable.from((async function* pieces() {
      for (let number = 0; number < 40; number += 1) {
        yield Buffer.alloc(20000, 'x');
        await new Promise((resolve) => { setTimeout(resolve, 25); });
      }
    })()));
  });
  app.get('/echo', { websocket: true }, (socket) => {
    socket.on('message', (data, binary) => {
      const text = binary ? '' : data.toString();
      if (text.startsWith('close ')) socket.close(Number(text.slice(6)), 'as asked');
      else socket.send(data, { binary });
    });
    socket.on('close', (code) => { closed = String(code); });
  });
});
fastify.listen({ port: Number(process.argv[2]), host: '127.0.0.1' });
