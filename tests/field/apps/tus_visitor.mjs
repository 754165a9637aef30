// Uploads 16 MB to argv[2]; the last line is the outcome.
import http from 'node:http';
import { Upload } from 'tus-js-client';

const endpoint = process.argv[2];

function count() {
  return new Promise((resolve) => {
    http.get(new URL('/requests', endpoint), (response) => {
      let text = '';
      response.on('data', (piece) => { text += piece; });
      response.on('end', () => resolve(Number(text)));
    });
  });
}

const before = await count();
const upload = new Upload(Buffer.alloc(16000000, 'x'), {
  endpoint,
  chunkSize: 2000000,
  retryDelays: null,
  onError: (error) => console.log(JSON.stringify({ upload: String(error).slice(0, 200) })),
  onSuccess: async () => {
    const host = new URL(upload.url).host === new URL(endpoint).host;
    console.log(JSON.stringify({ upload: 'whole', 'pieces sent': await count() - before, 'Location names the host': host }));
  },
});
upload.start();
