// Loaded by every page of these tests: takes down what happens to the page and to the sockets that are watched.
globalThis.seen = [];

const FIELDS = {
  message: ['data'], close: ['code', 'reason', 'wasClean'], disconnect: ['code', 'reason', 'wasClean', 'loss'],
  retry: ['attempt', 'delay'], state: ['from', 'to', 'cause', 'loss'], pagehide: ['persisted'], pageshow: ['persisted'],
};

function note(event) {
  const entry = { type: event.type };
  for (const field of FIELDS[event.type] ?? []) entry[field] = event[field];
  if (event.type === 'visibilitychange') entry.to = document.visibilityState;
  seen.push(entry);
}

const SOCKET_EVENTS = ['open', 'message', 'error', 'close', 'disconnect', 'retry', 'degraded', 'recovered', 'state', 'bufferedamountlow'];

globalThis.watch = (socket) => {
  for (const name of SOCKET_EVENTS) socket.addEventListener(name, note);
  return socket;
};

/** The entries of these types, or of all. */
globalThis.saw = (...types) => seen.filter(({ type }) => types.length === 0 || types.includes(type));

if (globalThis.document) {
  for (const name of ['visibilitychange', 'freeze', 'resume']) document.addEventListener(name, note);
}
for (const name of ['pagehide', 'pageshow', 'online', 'offline']) addEventListener(name, note);
