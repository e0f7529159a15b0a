// The DevTools protocol on a browser's --remote-debugging-pipe: JSON ended by a zero byte, both ways.
import { EventEmitter } from 'node:events';
import { inTime } from './patience.mjs';

const ROOT = '';

/** All sessions of one browser share the pipe. */
export class Connection {
  #output;
  #calls = new Map();
  #sessions = new Map();
  #nextId = 1;
  #rest = [];
  #ended = null;

  constructor(output, input) {
    this.#output = output;
    output.on('error', () => {});
    input.on('data', (chunk) => this.#read(chunk));
    input.on('close', () => this.end('the browser closed its pipe'));
    input.on('error', (error) => this.end(`the browser's pipe failed: ${error.message}`));
    this.browser = this.session(ROOT);
  }

  session(id) {
    let session = this.#sessions.get(id);
    if (!session) this.#sessions.set(id, (session = new Session(this, id)));
    return session;
  }

  call(sessionId, method, params) {
    if (this.#ended) return Promise.reject(new Error(`${method}: ${this.#ended}`));
    const id = this.#nextId++;
    const answer = new Promise((resolve, reject) => this.#calls.set(id, { method, sessionId, resolve, reject }));
    const message = sessionId === ROOT ? { id, method, params } : { id, method, params, sessionId };
    this.#output.write(`${JSON.stringify(message)}\0`);
    return inTime(`the browser's answer to ${method}`, answer);
  }

  end(why) {
    this.#ended ??= why;
    this.#fail(() => true);
  }

  #fail(concerned, why = this.#ended) {
    for (const [id, call] of this.#calls) {
      if (!concerned(call)) continue;
      this.#calls.delete(id);
      call.reject(new Error(`${call.method}: ${why}`));
    }
  }

  #read(chunk) {
    let from = 0;
    for (let to; (to = chunk.indexOf(0, from)) >= 0; from = to + 1) {
      const line = Buffer.concat([...this.#rest, chunk.subarray(from, to)]).toString('utf8');
      this.#rest = [];
      this.#take(JSON.parse(line));
    }
    if (from < chunk.length) this.#rest.push(chunk.subarray(from));
  }

  #take({ id, sessionId = ROOT, method, params, result, error }) {
    if (method === 'Target.detachedFromTarget') {
      this.#fail((call) => call.sessionId === params.sessionId, 'the target is gone');
      this.#sessions.get(params.sessionId)?.emit('detached');
      this.#sessions.delete(params.sessionId);
    }
    if (method) return void this.#sessions.get(sessionId)?.emit(method, params);
    const call = this.#calls.get(id);
    this.#calls.delete(id);
    if (error) call?.reject(new Error(`${call.method}: ${error.message} ${error.data ?? ''}`));
    else call?.resolve(result);
  }
}

/** One attached target. Emits the protocol's events under their names, and `detached`. */
export class Session extends EventEmitter {
  #connection;
  #id;

  constructor(connection, id) {
    super();
    this.setMaxListeners(0);
    this.#connection = connection;
    this.#id = id;
  }

  call(method, params = {}) {
    return this.#connection.call(this.#id, method, params);
  }

  /** The session of a target that reported to be attached. */
  attached(sessionId) {
    return this.#connection.session(sessionId);
  }

  /** The parameters of the next event of this name that fits. */
  next(event, fits = () => true, within = undefined) {
    let listener;
    const came = new Promise((resolve) => {
      listener = (params) => fits(params) && resolve(params);
      this.on(event, listener);
    });
    return inTime(`the event ${event}`, came, within).finally(() => this.off(event, listener));
  }
}
