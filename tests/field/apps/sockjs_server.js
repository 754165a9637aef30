// Echoes.
'use strict';

const http = require('node:http');
const sockjs = require('sockjs');

const echo = sockjs.createServer({ log: () => {} });
echo.on('connection', (connection) => connection.on('data', (message) => connection.write(message)));
const server = http.createServer();
echo.installHandlers(server, { prefix: '/echo' });
server.listen(Number(process.argv[2]), '127.0.0.1');
