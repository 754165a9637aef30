const path = require('node:path');

module.exports = {
  mode: 'development',
  context: __dirname,
  entry: './main.js',
  output: { filename: 'main.js', path: path.join(__dirname, 'dist') },
  devServer: {
    host: '127.0.0.1',
    // Without this the page would look for its socket at host and port above, where only this machine finds it:
    // 0.0.0.0 and 0 stand for the host and port that the page came from.
    client: { webSocketURL: 'auto://0.0.0.0:0/ws' },
    static: path.join(__dirname, 'public'),
    // 'auto' means localhost and the host it listens on. A leading dot means "and below".
    allowedHosts: process.env.ALLOWED_HOSTS ? process.env.ALLOWED_HOSTS.split(',') : 'auto',
  },
};
