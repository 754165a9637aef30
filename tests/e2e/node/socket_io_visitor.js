// A visitor of Socket.IO: says something to the service at the URL, prints what comes back, and stays.
'use strict';

const { io } = require('socket.io-client');

const socket = io(process.argv[2], { transports: ['websocket'] });
socket.on('connect', () => socket.emit('chat', process.argv[3]));
socket.on('chat', (told) => console.log(JSON.stringify({ event: 'chat', ...told })));
