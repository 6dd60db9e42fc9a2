// A folder behind an address of this machine, as any static host would serve it.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize, resolve, sep } from "node:path";

const KINDS = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wgsl": "text/plain; charset=utf-8",
};

/**
 * Serves a folder until `close` is called.
 *
 * @param {string} folder
 * @param {Object<string, string>} instead texts in the place of files, by their path within the folder
 * @returns {Promise<{url: string, close: () => Promise<void>}>}
 */
export async function serve(folder, instead = {}) {
  const root = resolve(folder);
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url, "http://localhost").pathname).slice(1);
    const body = await bodyOf(root, path, instead).catch(() => null);
    const kind = KINDS[extname(path)] ?? "application/octet-stream";
    response.writeHead(body === null ? 404 : 200, { "Content-Type": kind, "Cache-Control": "no-store" });
    response.end(body ?? "nothing is here");
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const close = () => {
    server.closeAllConnections();
    return new Promise((done) => server.close(done));
  };
  return { url: `http://127.0.0.1:${server.address().port}/`, close };
}

async function bodyOf(root, path, instead) {
  if (Object.hasOwn(instead, path)) return instead[path];
  const file = normalize(join(root, path));
  return file.startsWith(root + sep) ? readFile(file) : null;
}
