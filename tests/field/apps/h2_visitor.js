// A visitor over HTTP/2 at port argv[2] who asks for the authority argv[3]; the last line is the outcome.
// Its WebSockets are RFC 8441's, with frames written by hand: the close frame goes together with the end of the stream,
// as browsers send it.
'use strict';

const http2 = require('node:http2');

const [port, authority] = process.argv.slice(2);
const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, servername: authority.split(':')[0] });

function get(path) {
  return new Promise((resolve, reject) => {
    const request = session.request({ ':path': path, ':authority': authority, ':scheme': 'https' });
    let status = 0;
    let length = 0;
    request.on('response', (headers) => { status = headers[':status']; });
    request.on('data', (piece) => { length += piece.length; });
    request.on('end', () => resolve(`${status} ${length} bytes`));
    request.on('error', reject);
    request.end();
  });
}

function text(path) {
  return new Promise((resolve) => {
    const request = session.request({ ':path': path, ':authority': authority, ':scheme': 'https' });
    let text = '';
    request.on('data', (piece) => { text += piece; });
    request.on('end', () => resolve(text));
    request.end();
  });
}

function masked(opcode, payload) {
  const head = Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0]);
  return Buffer.concat([head, payload]);
}

function closeFrame(code, reason) {
  const payload = Buffer.alloc(2 + reason.length);
  payload.writeUInt16BE(code, 0);
  payload.write(reason, 2);
  return masked(8, payload);
}

function websocket(steps) {
  return new Promise((resolve) => {
    const seen = [];
    const stream = session.request({
      ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'https', ':path': '/echo', ':authority': authority,
      'sec-websocket-version': '13', 'sec-websocket-protocol': 'chat', origin: `https://${authority}`,
    }, { endStream: false });
    let buffer = Buffer.alloc(0);
    stream.on('response', (headers) => { seen.push(headers[':status']); steps(stream); });
    stream.on('data', (piece) => {
      buffer = Buffer.concat([buffer, piece]);
      while (buffer.length >= 2 && buffer.length >= 2 + (buffer[1] & 127)) {
        const length = buffer[1] & 127;
        const payload = buffer.subarray(2, 2 + length);
        const opcode = buffer[0] & 15;
        seen.push(opcode === 8 ? `closed ${payload.readUInt16BE(0)} ${payload.subarray(2)}`.trim() : `${payload}`);
        if (opcode === 8 && !stream.writableEnded) stream.end(masked(8, payload));
        buffer = buffer.subarray(2 + length);
      }
    });
    stream.on('error', (error) => seen.push(error.code));
    stream.on('close', () => resolve(seen.join(', ')));
    setTimeout(() => stream.destroy(), 15000).unref();
  });
}

session.on('remoteSettings', async (settings) => {
  if (process.done) return;
  process.done = true;
  const outcome = { 'RFC 8441': settings.enableConnectProtocol === true };
  outcome.page = await get('/hello');
  outcome.stream = await get('/stream');
  outcome['service closes'] = await websocket((stream) => {
    stream.write(masked(1, Buffer.from('hello')));
    setTimeout(() => stream.write(masked(1, Buffer.from('close 4001'))), 900);
  });
  outcome['visitor closes'] = await websocket((stream) => {
    stream.write(masked(1, Buffer.from('hello')));
    setTimeout(() => stream.end(closeFrame(4002, 'enough')), 900);
  });
  // The service counts it as closed once its connection has ended, which may be later than the visitor's.
  for (const late = Date.now() + 10000; outcome['seen by the service'] !== '4002' && Date.now() < late;) {
    outcome['seen by the service'] = await text('/closed');
  }
  console.log(JSON.stringify(outcome));
  session.close();
});
