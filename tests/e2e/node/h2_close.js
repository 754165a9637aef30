// Opens a WebSocket over HTTP/2 (RFC 8441), sends a close frame and the end of its stream, and prints what comes as hex.
"use strict";

const http2 = require("http2");

const [url, path] = process.argv.slice(2);
const { host, hostname } = new URL(url);
const session = http2.connect(url, { rejectUnauthorized: false, servername: hostname });

session.once("remoteSettings", (settings) => {
  if (!settings.enableConnectProtocol) {
    throw new Error("this proxy takes no WebSockets over HTTP/2");
  }
  const stream = session.request({
    ":method": "CONNECT",
    ":protocol": "websocket",
    ":scheme": "https",
    ":authority": host,
    ":path": path,
    "sec-websocket-version": "13",
  });
  let came = "";
  let status = 0;
  stream.on("response", (headers) => {
    status = headers[":status"];
    // A close frame with the code 1000, masked with zeros.
    stream.end(Buffer.from("8882" + "00000000" + "03e8", "hex"));
  });
  stream.on("data", (data) => {
    came += data.toString("hex");
  });
  stream.on("close", () => {
    console.log(JSON.stringify({ status, came, code: stream.rstCode }));
    session.destroy();
  });
});
