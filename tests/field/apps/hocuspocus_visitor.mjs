// Two editors of a document; the last line is what each has in the end.
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import * as Y from 'yjs';
import WebSocket from 'ws';

const url = process.argv[2].replace('http', 'ws');
const name = `room-${Date.now()}`;

function editor() {
  const document = new Y.Doc();
  const websocketProvider = new HocuspocusProviderWebsocket({ url, WebSocketPolyfill: WebSocket });
  return new Promise((resolve) => {
    const provider = new HocuspocusProvider({
      websocketProvider, name, document, onSynced: () => resolve({ document, text: document.getText('text') }),
    });
    provider.attach();
  });
}

const [one, two] = await Promise.all([editor(), editor()]);
one.text.insert(0, 'one ');
console.log('synced');
setTimeout(() => two.text.insert(two.text.length, 'two '), 800);
setTimeout(() => one.text.insert(one.text.length, 'x'.repeat(500000)), 1600);
const end = Date.now() + 60000;
const timer = setInterval(() => {
  const done = two.text.length === one.text.length && one.text.length === 500008;
  if (done || Date.now() > end) {
    clearInterval(timer);
    const outcome = { 'first editor': one.text.length, 'second editor': two.text.length };
    console.log(JSON.stringify(outcome));
    process.exit(0);
  }
}, 50);
