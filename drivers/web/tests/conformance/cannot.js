// The cases of heartline-testkit's conformance suite that do not apply, by their names, and why. A test fails if one of them
// passes, or is none.

const STATUS = 'WebSocket does not say with what HTTP status a dial was refused: it is 1006';
const WHOLE = 'WebSocket shows whole messages only, so the bytes of one that is not complete are no sign of life';
const EVENTS = 'messages are events: an application cannot leave them in the network';

const EVERYWHERE = {
  redirect: STATUS,
  unauthorized: STATUS,
  'retry-after': `${STATUS}, and headers neither`,
  'slow-frame': WHOLE,
  'paused-application': EVENTS,
};

/** In Chromium. */
export const PAGE = {
  ...EVERYWHERE,
  'close-unanswered': 'Chromium waits a minute for the answer to a close frame, and a page cannot end the connection sooner',
};

/** In Chromium, of which one cannot even say that they fail. */
export const BY_LUCK = {
  'failing-pong': 'Chromium answers pings itself, and one that it cannot answer is the end of what it has not shown yet',
};

/** In node, with the package `ws`. */
export const NODE = EVERYWHERE;
