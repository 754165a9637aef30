// The application of tests/field/contract.py with Node's own HTTP server and ws.
'use strict';

const crypto = require('node:crypto');
const http = require('node:http');
const { WebSocketServer } = require('ws');

let closed = 'nobody';

const server = http.createServer((request, response) => {
  if (request.url === '/digest') {
    const hash = crypto.createHash('sha256');
    let length = 0;
    request.on('data', (piece) => { length += piece.length; hash.update(piece); });
    request.on('end', () => response.end(`${length} ${hash.digest('hex')}`));
  } else if (request.url === '/stream') {
    const piece = Buffer.alloc(20000, 'x');
    let left = 40;
    const timer = setInterval(() => {
      response.write(piece);
      left -= 1;
      if (left === 0) { clearInterval(timer); response.end(); }
    }, 25);
  } else {
    response.end(request.url === '/closed' ? closed : 'hello');
  }
});
const sockets = new WebSocketServer({ server, perMessageDeflate: true, maxPayload: 1 << 28 });
sockets.on('connection', (socket) => {
  socket.on('message', (data, binary) => {
    const text = binary ? '' : data.toString();
    if (text.startsWith('close ')) socket.close(Number(text.slice(6)), 'as asked');
    else socket.send(data, { binary });
  });
  socket.on('close', (code) => { closed = String(code); });
});
server.listen(Number(process.argv[2]), '127.0.0.1');
