// Leads the host names of the tests to 127.0.0.1, as browsers and curl do with *.localhost by themselves.
// Loaded ahead of a program with --require, so that the program itself stays as its authors wrote it.
'use strict';

const dns = require('node:dns');

const lookup = dns.lookup;

dns.lookup = (hostname, options, callback) => {
  const ours = /\.(localhost|test)$/.test(hostname);
  return lookup(ours ? '127.0.0.1' : hostname, options, callback);
};
