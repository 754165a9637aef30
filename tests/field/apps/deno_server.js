// The application of tests/field/contract.py with Deno's own server.
let closed = 'nobody';

async function digest(body) {
  const bytes = new Uint8Array(await new Response(body).arrayBuffer());
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return `${bytes.length} ${[...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

function stream() {
  let left = 40;
  return new ReadableStream({
    async pull(controller) {
      controller.enqueue(new Uint8Array(20000));
      await new Promise((resolve) => setTimeout(resolve, 25));
      left -= 1;
      if (left === 0) controller.close();
    },
  });
}

Deno.serve({ port: Number(Deno.args[0]), hostname: '127.0.0.1' }, async (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === '/echo') {
    const { socket, response } = Deno.upgradeWebSocket(request, { protocol: 'chat' });
    socket.onmessage = ({ data }) => {
      if (typeof data === 'string' && data.startsWith('close ')) socket.close(Number(data.slice(6)), 'as asked');
      else socket.send(data);
    };
    socket.onclose = ({ code }) => { closed = String(code); };
    return response;
  }
  if (pathname === '/digest') return new Response(await digest(request.body));
  if (pathname === '/stream') return new Response(stream());
  return new Response(pathname === '/closed' ? closed : 'hello');
});
