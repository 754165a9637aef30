// Subscribes at argv[2] by the transport argv[3], publishes a second later; the last line is the outcome.
'use strict';

const faye = require('faye');

const [url, transport] = process.argv.slice(2);

function client() {
  const made = new faye.Client(url, { timeout: 60, retry: 30 });
  if (transport === 'long-polling') made.disable('websocket');
  return made;
}

const reader = client();
const writer = client();
const seen = [];
reader.subscribe('/news', (message) => {
  seen.push(message.number);
  if (seen.length === 3) {
    console.log(`messages ${seen.join(' ')}`);
    process.exit(0);
  }
}).then(() => {
  setTimeout(() => console.log('subscribed'), 400);
  setTimeout(async () => {
    for (const number of [1, 2, 3]) await writer.publish('/news', { number });
  }, 1500);
});
