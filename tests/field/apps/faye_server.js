// A Bayeux server.
'use strict';

const http = require('node:http');
const faye = require('faye');

const server = http.createServer();
new faye.NodeAdapter({ mount: '/bayeux', timeout: 45 }).attach(server);
server.listen(Number(process.argv[2]), '127.0.0.1');
