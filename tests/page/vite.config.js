// Serves the inspector's page from its sources, for `sellia http … --inspector-dev http://localhost:5173`:
//
//     node tests/e2e/node/node_modules/vite/bin/vite.js --config tests/page/vite.config.js
//
// PAGE and BLOCKS name other directories than the page's and that of its building blocks.
import path from "node:path";
import { fileURLToPath } from "node:url";

const sources = fileURLToPath(new URL("../../sellia", import.meta.url));
const page = process.env.PAGE ?? path.join(sources, "client", "inspector", "page");
const blocks = process.env.BLOCKS ?? path.join(sources, "ui");

export default {
  root: page,
  cacheDir: process.env.VITE_CACHE,
  // What the page imports from `ui/` is beside it only where it is served.
  resolve: { alias: [{ find: /^(?:\.{1,2}|)\/ui\/(.*)$/, replacement: `${blocks}/$1` }] },
  server: { host: "127.0.0.1", port: 5173, strictPort: true, fs: { allow: [page, blocks] } },
};
