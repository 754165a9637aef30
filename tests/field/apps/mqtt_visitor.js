// Publishes to itself at argv[2]; the last line is the outcome.
'use strict';

const mqtt = require('mqtt');

const client = mqtt.connect(process.argv[2], { keepalive: 1, reconnectPeriod: 0, connectTimeout: 30000 });
const topic = `field/${Date.now()}`;
const seen = [];

client.on('error', (error) => { console.log(JSON.stringify({ failed: error.message })); process.exit(0); });
client.on('close', () => { console.log(JSON.stringify({ failed: 'closed' })); process.exit(0); });
client.on('message', (name, payload, packet) => {
  seen.push(`qos ${packet.qos}, ${payload.length} bytes`);
  if (seen.length === 4) {
    console.log(JSON.stringify({ messages: seen }));
    process.exit(0);
  }
});
client.on('connect', () => client.subscribe(topic, { qos: 2 }, () => {
  console.log('subscribed');
  setTimeout(async () => {
    for (const qos of [0, 1, 2]) await client.publishAsync(topic, 'hello', { qos });
    await client.publishAsync(topic, 'x'.repeat(1000000), { qos: 1 });
  }, 1500);
}));
