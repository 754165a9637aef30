// Takes resumable uploads at port argv[2] into the folder argv[3]; GET /requests tells how many PATCHes there were.
import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';
import http from 'node:http';

const [port, directory] = process.argv.slice(2);
const tus = new Server({ path: '/files', datastore: new FileStore({ directory }), respectForwardedHeaders: true });
let patches = 0;
http.createServer((request, response) => {
  if (request.method === 'PATCH') patches += 1;
  if (request.url === '/requests') response.end(String(patches));
  else tus.handle(request, response);
}).listen(Number(port), '127.0.0.1');
