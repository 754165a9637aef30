// http-proxy between a port and the application at another.
const httpProxy = require("http-proxy");
const [port, app] = process.argv.slice(2);
httpProxy.createProxyServer({ target: `http://127.0.0.1:${app}`, ws: true }).listen(Number(port), "127.0.0.1");
