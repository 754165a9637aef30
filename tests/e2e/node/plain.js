// The plain test: open, send, receive, close. As one would type it on the day a WebSocket does not work.
'use strict';

const WebSocket = require('ws');

const ws = new WebSocket(process.argv[2] || 'ws://localhost:3000/socket');

ws.on('open', () => {
  console.log('Connected');
  ws.send('Hello from test');
});

ws.on('message', (data) => {
  console.log('Received:', data.toString());
  ws.close();
});

ws.on('close', () => {
  console.log('Disconnected');
});

ws.on('error', (error) => {
  console.error('Error:', error.message);
  process.exitCode = 1;
});
