// Says something at argv[2] by the transport argv[3]; the last line is the outcome.
'use strict';

const SockJS = require('sockjs-client');

const [url, transport] = process.argv.slice(2);
const socket = new SockJS(url, null, { transports: [transport], timeout: 30000 });
const seen = [];
socket.onopen = () => {
  console.log('open');
  setTimeout(() => { socket.send('hello'); socket.send('x'.repeat(100000)); }, 1000);
};
socket.onmessage = (event) => {
  seen.push(event.data.length > 10 ? event.data.length : event.data);
  if (seen.length === 2) socket.close(4000, 'enough');
};
socket.onclose = (event) => {
  console.log(JSON.stringify({ said: `${seen.join(', ')}, closed ${event.code}` }));
  process.exit(0);
};
