// The servers of the documents (servers/documents) as a process, with the interface of a `SocketServer` of the harness as far
// as tests of front ends need it.
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { inTime, until } from '../../drivers/web/tests/chromium/index.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));

let built;

/** The program's path; it is built first. */
function program() {
  if (built) return built;
  const build = spawnSync('cargo', ['build', '--quiet', '-p', 'heartline-documents', '--message-format=json'], {
    cwd: root, encoding: 'utf8', maxBuffer: 2 ** 28, stdio: ['ignore', 'pipe', 'inherit'],
  });
  const messages = build.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  built = messages.findLast(({ executable }) => executable)?.executable;
  if (!built) throw new Error('the servers of the documents do not build');
  return built;
}

/** What one server wrote about one of its connections. */
class Connection {
  received = [];
  /** `{ code, reason, clean }`; `null` while it is open. */
  closed = null;

  get open() {
    return this.closed === null;
  }
}

export class Documents {
  #name;
  #options;
  #child = null;
  /** The connections of processes that were killed. */
  #former = [];
  #current = [];
  port = 0;
  /** What the process that runs now wrote down, as of the last `until` or `look`. */
  log = [];

  /** `name` is that of the server whose log counts; `options` are those of the program, without its port. */
  static async start(name, options = []) {
    const documents = new Documents();
    documents.#name = name;
    documents.#options = options;
    await documents.listen();
    return documents;
  }

  /** Starts the process, again at the same port after `stop`. */
  async listen() {
    this.#child = spawn(program(), ['--port', `${this.port}`, ...this.#options], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: this.#child.stdout });
    const address = await inTime('the address of the documents', new Promise((resolve, reject) => {
      lines.once('line', resolve).once('close', () => reject(new Error('the servers of the documents ended')));
    }));
    this.port = Number(address.split(':')[1]);
  }

  /** Kills the process: connections are reset, and dials refused. */
  async stop() {
    const child = this.#child;
    if (!child) return;
    this.#child = null;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await inTime('the end of the documents', ended);
    for (const connection of this.#current) connection.closed ??= { code: 1006, reason: '', clean: false };
    this.#former.push(...this.#current.splice(0));
  }

  /** The process stands still, and its connections with it: who dials gets no answer. */
  suspend() {
    this.#child.kill('SIGSTOP');
  }

  resume() {
    this.#child.kill('SIGCONT');
  }

  /** The server, or another of the servers, sends this to everybody whom it concerns. */
  push(message, name = this.#name) {
    return this.#ask(`/push/${name}`, { method: 'POST', body: message });
  }

  /** The server, or another of the servers, closes all connections. */
  closeAll(code, reason = '', name = this.#name) {
    return this.#ask(`/close/${name}?${new URLSearchParams({ code, reason })}`, { method: 'POST' });
  }

  async #ask(path, options) {
    const response = await inTime(path, fetch(`http://127.0.0.1:${this.port}${path}`, options));
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return response.text();
  }

  /** Reads the log of another of the servers. */
  async logOf(name) {
    return JSON.parse(await this.#ask(`/log/${name}`));
  }

  /** Reads the log, if there is a process. */
  async look() {
    if (this.#child) {
      this.log = await this.logOf(this.#name);
      this.#current = connections(this.log);
    }
    return this;
  }

  /** Every connection that was accepted, in order. */
  get connections() {
    return [...this.#former, ...this.#current];
  }

  get handshakes() {
    return this.connections.length;
  }

  get open() {
    return this.connections.filter(({ open }) => open);
  }

  get last() {
    return this.connections.at(-1);
  }

  /** Waits until `condition(documents)` is true of a new look. */
  until(what, condition) {
    return until(`the documents: ${what}`, async () => condition(await this.look()), { context: () => `\n  ${this.log.join('\n  ')}` });
  }

  async close() {
    await this.stop();
  }
}

const OPENED = /^(?:opened (?<guest>\d+)|用户连接:(?<user>[^,]*),)/;
const RECEIVED = /^(?:received (?<guest>\d+): (?<text>.*)|用户消息:(?<user>[^,]*),报文:(?<event>.*))/s;
const CLOSED = /^(?:closed (?<guest>\d+) with (?<code>\d+), (?<reason>".*"), clean: (?<clean>\w+)|用户退出:(?<user>[^,]*),.*?,(?<javaCode>\d+) (?<javaReason>".*"))/;

/** The connections of which the lines speak. A user's newer connection takes the place of the older one, which then ends. */
function connections(lines) {
  const found = [];
  const open = new Map();
  for (const line of lines) {
    const opened = OPENED.exec(line)?.groups;
    const received = RECEIVED.exec(line)?.groups;
    const closed = CLOSED.exec(line)?.groups;
    if (opened) {
      const waiting = open.get(opened.guest ?? opened.user) ?? [];
      waiting.push(found[found.push(new Connection()) - 1]);
      open.set(opened.guest ?? opened.user, waiting);
    }
    if (received) open.get(received.guest ?? received.user)?.at(-1).received.push(received.text ?? received.event);
    if (closed) {
      const connection = open.get(closed.guest ?? closed.user).shift();
      const [code, reason] = [closed.code ?? closed.javaCode, closed.reason ?? closed.javaReason];
      connection.closed = { code: Number(code), reason: JSON.parse(reason), clean: closed.clean === 'true' };
    }
  }
  return found;
}
