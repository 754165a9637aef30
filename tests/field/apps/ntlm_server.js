// A page behind NTLM that says who the connection belongs to.
'use strict';

const express = require('express');
const ntlm = require('express-ntlm');

const app = express();
app.use(ntlm({}));
app.all('*', (request, response) => response.end(`you are ${request.ntlm.UserName}`));
const server = app.listen(Number(process.argv[2]), '127.0.0.1');
server.keepAliveTimeout = 60000;
