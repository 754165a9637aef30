// The application of tests/field/contract.py with Bun's own server.
let closed = 'nobody';

Bun.serve({
  port: Number(process.argv[2]),
  hostname: '127.0.0.1',
  idleTimeout: 60,
  async fetch(request, server) {
    const { pathname } = new URL(request.url);
    if (pathname === '/echo') {
      if (server.upgrade(request)) return undefined;
      return new Response('no upgrade', { status: 400 });
    }
    if (pathname === '/digest') {
      const hash = new Bun.CryptoHasher('sha256');
      let length = 0;
      for await (const piece of request.body) { length += piece.length; hash.update(piece); }
      return new Response(`${length} ${hash.digest('hex')}`);
    }
    if (pathname === '/stream') {
      return new Response(new ReadableStream({
        async pull(controller) {
          this.sent = (this.sent ?? 0) + 1;
          controller.enqueue(new Uint8Array(20000));
          await Bun.sleep(25);
          if (this.sent === 40) controller.close();
        },
      }));
    }
    return new Response(pathname === '/closed' ? closed : 'hello');
  },
  websocket: {
    perMessageDeflate: true,
    maxPayloadLength: 1 << 28,
    message(socket, data) {
      if (typeof data === 'string' && data.startsWith('close ')) socket.close(Number(data.slice(6)), 'as asked');
      else socket.send(data);
    },
    close(socket, code) { closed = String(code); },
  },
});
