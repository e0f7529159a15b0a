// What pages and workers have in common: code is evaluated in them, and they complain on a console.
import { PATIENCE, print, until } from './patience.mjs';

export class Realm {
  /** Everything that the console, uncaught exceptions and the browser said: `{ source, level, text }`. */
  log = [];

  constructor(session) {
    this.devtools = session;
    session.on('Runtime.consoleAPICalled', ({ type, args }) => this.#note('console', type, args.map(describe).join(' ')));
    session.on('Runtime.exceptionThrown', ({ exceptionDetails }) => this.#note('exception', 'error', reason(exceptionDetails)));
    session.on('Log.entryAdded', ({ entry }) => this.#note('browser', entry.level, `${entry.text} ${entry.url ?? ''}`));
  }

  #note(source, level, text) {
    this.log.push({ source, level, text });
  }

  /** Uncaught exceptions and `console.error`. What the browser itself reports, as failed connections, is in `log` only. */
  get errors() {
    return this.log.filter(({ source, level }) => source !== 'browser' && level === 'error').map(({ text }) => text);
  }

  /** The value of an expression, or of a function called with `args`, awaited, as JSON carries it. */
  async evaluate(code, ...args) {
    const expression = typeof code === 'function' ? `(${code})(${args.map((arg) => JSON.stringify(arg)).join(',')})` : code;
    const { result, exceptionDetails } = await this.devtools.call('Runtime.evaluate', {
      expression, awaitPromise: true, returnByValue: true, userGesture: true, replMode: false,
    });
    if (exceptionDetails) throw new Error(`${this}: ${reason(exceptionDetails)}\n  in ${expression.slice(0, 400)}`);
    return result.value;
  }

  /** Polls the expression or function until it is true, and returns its value. A failure prints the last value and the log. */
  until(code, ...args) {
    const shown = String(code).slice(0, 400);
    return until(`${shown} in ${this}`, () => this.evaluate(code, ...args).catch(lost), {
      within: PATIENCE, every: 40, context: () => this.story(),
    });
  }

  /** The log for a person. */
  story() {
    const lines = this.log.slice(-40).map(({ source, level, text }) => `  ${source} ${level}: ${text}`);
    return `\n${this}, its log:\n${lines.join('\n') || '  (empty)'}`;
  }
}

// A navigation takes the context away while it is asked: that is no value yet.
function lost(error) {
  if (/context was destroyed|Cannot find (default )?(execution )?context|Inspected target navigated/i.test(error.message)) return false;
  throw error;
}

const describe = (arg) => ('value' in arg ? (typeof arg.value === 'string' ? arg.value : print(arg.value)) : arg.description ?? arg.type);

const reason = ({ text, exception }) => exception?.description ?? (exception && 'value' in exception ? `${text} ${print(exception.value)}` : text);
