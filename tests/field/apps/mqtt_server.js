// An MQTT broker over WebSocket.
'use strict';

const http = require('node:http');
const aedes = require('aedes')();
const { WebSocketServer, createWebSocketStream } = require('ws');

const server = http.createServer();
const sockets = new WebSocketServer({ server, handleProtocols: (offered) => (offered.has('mqtt') ? 'mqtt' : false) });
sockets.on('connection', (socket) => aedes.handle(createWebSocketStream(socket)));
server.listen(Number(process.argv[2]), '127.0.0.1');
