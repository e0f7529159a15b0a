// The adapter by which heartline-testkit's conformance suite runs on the class, in a page or in node: a line with a command
// comes in, lines with reports go out. The suite's documentation has the protocol.

/** What the suite may ask for. */
export const ABILITIES = [
  'process', 'at-least-once', 'dials', 'slow', 'set:heartbeat-idle', 'set:heartbeat-listen', 'set:late-tolerance',
  'set:connect-timeout', 'set:close-timeout', 'set:retry', 'set:ack-timeout',
];

/** So much of a message is reported. */
const SHOWN = 256;

const escape = (text) => text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r');
const unescape = (text) => text.replace(/\\(.)/g, (_, letter) => ({ n: '\n', r: '\r' })[letter] ?? letter);

const capital = (state) => state[0].toUpperCase() + state.slice(1);

/** A loss as the suite calls it. */
const word = ({ kind, code }) => (kind === 'address' || kind === 'connect' ? `transport:${kind}` : code === null ? kind : `${kind}:${code}`);

/** The number of bytes, and as many whole characters as fit into the first of them. */
function delivered(text) {
  const bytes = new TextEncoder().encode(text);
  const start = new TextDecoder().decode(bytes.subarray(0, SHOWN), { stream: bytes.length > SHOWN });
  return `delivered ${bytes.length} ${escape(start)}`;
}

const SETTINGS = {
  'heartbeat off': (options) => { delete options.ping; },
  'heartbeat idle': ({ heartbeat }, interval, timeout) => Object.assign(heartbeat, { interval, timeout }),
  'heartbeat listen': (options, listen) => {
    delete options.ping;
    options.listen = listen;
  },
  'late-tolerance': ({ heartbeat }, lateTolerance) => Object.assign(heartbeat, { lateTolerance }),
  'connect-timeout': (options, connectTimeout) => Object.assign(options, { connectTimeout }),
  'close-timeout': (options, closeTimeout) => Object.assign(options, { closeTimeout }),
  retry: (options, delay) => { options.backoff = { base: delay, min: delay, max: delay, jitter: 'none' }; },
  'ack-timeout': (options, ackTimeout) => { options.outbox = { ackTimeout }; },
};

function set(options, words) {
  const [, name, times] = /^(.*?)((?: \d+)*)$/.exec(words);
  SETTINGS[name]?.(options, ...times.trim().split(' ').map(Number));
}

/** The function to call with each command but `quit`; `report` is called with each report. */
export function adapter(HeartlineSocket, report, given = {}) {
  // Of at-least-once messages: the tags by their texts, the ids by their tags.
  const tags = new Map();
  const ids = new Map();
  let slow = 0;
  let socket;
  const options = {
    ...given,
    ping: (token) => `ping ${token}`,
    heartbeat: {},
    isPong: (data) => data.startsWith('pong ') && Number(data.slice(5)),
    encode: (text, { id }) => {
      if (tags.has(text)) ids.set(tags.get(text), id);
      return text;
    },
  };

  function connect(url) {
    const dial = ({ attempt, renew }) => {
      report(`dial ${attempt} ${renew ? 'yes' : 'no'}`);
      return url;
    };
    socket = new HeartlineSocket(dial, [], options);
    socket.onstate = ({ to, cause, loss }) => report(`state ${capital(to)} ${cause}${loss ? `:${word(loss)}` : ''}`);
    for (const name of ['degraded', 'recovered']) socket.addEventListener(name, () => report(`event ${name}`));
    socket.onmessage = ({ data }) => {
      // An application that takes its time has the thread to itself.
      for (const end = performance.now() + slow; performance.now() < end;);
      report(delivered(data));
    };
  }

  async function send(tag, delivery, text) {
    const atLeastOnce = delivery === 'at-least-once';
    if (atLeastOnce) tags.set(text, tag);
    const { outcome, reason } = await socket.send(text, { atLeastOnce });
    if (outcome === 'refused') return report(`refused ${tag} ${reason}`);
    report(`accepted ${tag}`);
    report(`outcome ${tag} ${[outcome, reason ?? []].flat().join(' ')}`);
  }

  const commands = {
    set: (words) => set(options, words),
    connect,
    send(words) {
      const [, tag, delivery, text] = /^(\d+) (\S+) ?(.*)$/.exec(words);
      void send(tag, delivery, unescape(text));
    },
    fill(words) {
      const [tag, delivery, bytes] = words.split(' ');
      void send(tag, delivery, `${tag} `.padEnd(bytes, 'x'));
    },
    acked: (tag) => socket.acked(ids.get(tag)),
    slow: (ms) => { slow = Number(ms); },
    close: (within) => socket.close(1000, '', { within: Number(within) }),
  };
  return (line) => {
    const [, name, rest] = /^(\S*) ?(.*)$/.exec(line);
    commands[name]?.(rest);
  };
}
