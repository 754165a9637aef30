// A Socket.IO server that pings every 2 s and gives up after 3.
'use strict';

const { createServer } = require('node:http');
const { Server } = require('socket.io');

const server = createServer();
const io = new Server(server, { pingInterval: 2000, pingTimeout: 3000, maxHttpBufferSize: 1e8 });
io.on('connection', (socket) => {
  socket.on('echo', (value, answer) => answer(value));
});
server.listen(Number(process.argv[2]), '127.0.0.1');
