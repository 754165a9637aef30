// Headless Chromium on one page, as a person with the developer tools open would watch it: one JSON object on a line.
//
//   node browser.js CHROMIUM URL '{"selector": "#app", "texts": ["one", "two"], "mapHosts": true, "screenshot": "x.png"}'
//
// Says {"event": "text"} as each of the texts appears in `selector`, one after the other, and ends after the last;
// "socket" for each WebSocket that the page opens, "frame" for what it receives; "navigation" each time the page loads;
// "console" for what the page logs; "screenshot" when one was taken. With "click", those selectors are clicked in order
// before the texts are waited for; with "fill", [selector, text] pairs are typed and sent with Enter.
'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { chromium } = require('playwright-core');

const [executablePath, url, given] = process.argv.slice(2);
const wish = { selector: 'body', texts: [], click: [], fill: [], ...JSON.parse(given || '{}') };

const say = (event, fields) => console.log(JSON.stringify({ event, ...fields }));

const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-proxy-server',
];
// Names that only these tests know lead to loopback, and no other name leads anywhere.
args.push('--host-resolver-rules=MAP *.test 127.0.0.1, MAP *.localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1');

(async () => {
  const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'sellia-e2e-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    args,
    headless: true,
    ignoreHTTPSErrors: true,
    viewport: wish.viewport || { width: 1100, height: 800 },
    colorScheme: wish.colorScheme || 'light',
  });
  const page = context.pages()[0] || (await context.newPage());
  try {
    page.on('console', (message) => say('console', { text: message.text() }));
    page.on('pageerror', (error) => say('page-error', { text: error.message }));
    page.on('framenavigated', (frame) => frame === page.mainFrame() && say('navigation', { url: frame.url() }));
    page.on('websocket', (socket) => {
      say('socket', { url: socket.url() });
      socket.on('framereceived', ({ payload }) => say('frame', { payload: payload.toString() }));
      socket.on('close', () => say('socket-closed', { url: socket.url() }));
    });
    const response = await page.goto(url, { waitUntil: 'domcontentloaded' });
    say('loaded', { status: response.status(), protocol: await page.evaluate(() => location.protocol) });
    for (const selector of wish.click) await page.click(selector);
    for (const [selector, text] of wish.fill) {
      await page.fill(selector, text);
      await page.press(selector, 'Enter');
    }
    for (const text of wish.texts) {
      const found = ([selector, wanted]) => document.querySelector(selector)?.textContent.includes(wanted);
      await page.waitForFunction(found, [wish.selector, text], { timeout: 45000, polling: 50 });
      say('text', { text });
    }
    if (wish.screenshot) {
      await page.screenshot({ path: wish.screenshot, fullPage: true });
      say('screenshot', { path: wish.screenshot });
    }
  } finally {
    await context.close();
    fs.rmSync(profile, { recursive: true, force: true });
  }
})().catch((error) => {
  say('failed', { message: error.message });
  process.exitCode = 1;
});
