// A static file server on loopback, for pages and their modules.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

const TYPES = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.mjs': 'text/javascript', '.cjs': 'text/javascript',
  '.css': 'text/css', '.json': 'application/json', '.wasm': 'application/wasm', '.svg': 'image/svg+xml', '.png': 'image/png',
};

/**
 * Serves folders and texts: `routes` maps a path to a text (`.html` if it has no ending), or a prefix that ends in `/` to a
 * folder. `headers` are sent with everything; they and the routes may be changed while it serves.
 */
export class FileServer {
  #http = createServer((request, response) => this.#answer(request, response));

  static async start({ routes = {}, headers = {}, port = 0 } = {}) {
    const server = new FileServer();
    server.routes = routes;
    server.headers = headers;
    await new Promise((resolve, reject) => server.#http.once('error', reject).listen(port, '127.0.0.1', resolve));
    return server;
  }

  get origin() {
    return `http://127.0.0.1:${this.#http.address().port}`;
  }

  url(path = '/') {
    return this.origin + path;
  }

  async #answer(request, response) {
    const path = decodeURIComponent(new URL(request.url, 'http://localhost').pathname);
    const headers = { 'cache-control': 'no-cache', 'content-type': TYPES[extname(path) || '.html'], ...this.headers };
    if (typeof this.routes[path] === 'string' && !path.endsWith('/')) return this.#text(response, headers, this.routes[path]);
    if (path === '/favicon.ico') return void response.writeHead(204).end();
    if (path === '/' && this.routes['/index.html']) return this.#text(response, headers, this.routes['/index.html']);
    const file = await this.#file(path);
    if (!file) return void response.writeHead(404).end();
    response.writeHead(200, { ...headers, 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' });
    createReadStream(file).pipe(response);
  }

  #text(response, headers, text) {
    response.writeHead(200, headers).end(text);
  }

  async #file(path) {
    const prefixes = Object.keys(this.routes).filter((route) => route.endsWith('/') && path.startsWith(route));
    const prefix = prefixes.sort((a, b) => b.length - a.length)[0];
    if (!prefix) return null;
    const rest = normalize(`/${path.slice(prefix.length)}`);
    const file = join(this.routes[prefix], rest.endsWith('/') ? `${rest}index.html` : rest);
    return stat(file).then((found) => (found.isFile() ? file : null), () => null);
  }

  async close() {
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }
}
