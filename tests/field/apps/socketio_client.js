// Connects by long polling, waits for the upgrade, and on SIGUSR1 asks for echoes; the last line is the outcome.
'use strict';

const { io } = require('socket.io-client');

const socket = io(process.argv[2], { reconnection: false, timeout: 60000 });
const large = Buffer.alloc(3000000, 'x');
const seen = [];

socket.on('disconnect', (reason) => {
  console.log(`disconnected: ${reason}`);
  process.exit(0);
});
socket.on('connect_error', (error) => {
  console.log(`failed: ${error.message}`);
  process.exit(0);
});
socket.on('connect', () => {
  const upgraded = () => {
    if (socket.io.engine.transport.name !== 'websocket') {
      setTimeout(upgraded, 20);
      return;
    }
    seen.push('upgraded to websocket');
    console.log('ready');
  };
  upgraded();
});
process.on('SIGUSR1', () => {
  socket.emit('echo', 'hello', (text) => {
    seen.push(text);
    socket.emit('echo', large, (bytes) => {
      seen.push(`${bytes.length} bytes`);
      console.log(seen.join(', '));
      process.exit(0);
    });
  });
});
