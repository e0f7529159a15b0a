// What the declarations must accept, and what they must not. Checked by tsc, never run.
import { webSocket } from 'rxjs/webSocket';
import Ws from 'ws';
import { HeartlineSocket, type Options, type Receipt } from 'heartline';
import { withModule } from 'heartline/module';

// It stands where a WebSocket is asked for.
const plain: WebSocket = new HeartlineSocket('wss://server/');
const constructor: new (url: string, protocols?: string | string[]) => WebSocket = HeartlineSocket;
webSocket({ url: 'wss://server/', WebSocketCtor: HeartlineSocket });

// Handlers and listeners know their events.
const socket = new HeartlineSocket(async ({ renew, signal }) => (renew && !signal.aborted ? 'wss://a/' : new URL('wss://b/')), ['v1']);
socket.onmessage = function ({ data }) {
  this.send(data);
};
socket.ondisconnect = ({ code, loss }) => console.log(code + 1, loss?.kind === 'heartbeat-timeout');
socket.addEventListener('retry', ({ attempt, delay }) => console.log(attempt + delay));
socket.addEventListener('state', ({ from, to, cause }) => console.log(from === 'waiting', to, cause));
// @ts-expect-error `readyState` is not to be written
socket.readyState = 1;
// @ts-expect-error a handler by a name that there is not
socket.open = () => {};
// @ts-expect-error no such state
console.log(socket.state === 'opened');

// Receipts.
const receipt: Promise<Receipt> = socket.send(new Uint8Array(1), { atLeastOnce: true, ttl: 1000 });
void receipt.then(({ outcome, reason, id }) => console.log(outcome === 'refused', reason, id));
// @ts-expect-error not without `encode`
socket.send({ hello: 'world' });

// With types of the application's own.
interface Command { command: string }
const typed = new HeartlineSocket<Command, string>('wss://server/', null, {
  encode: ({ command }, { id }) => `${id} ${command.toUpperCase()}`,
  isPong: (data) => data.startsWith('pong') && Number(data.slice(5)),
  ack: (data) => [data.length],
  greeting: async (link) => {
    link.send({ command: 'login' });
    const answer: string = await link.receive();
    if (answer !== 'welcome') link.drop(4403);
  },
});
typed.send({ command: 'go' });
// @ts-expect-error a text is no command
typed.send('go');

// Options.
const options: Options = {
  WebSocket: Ws,
  heartbeat: { mode: 'periodic', timeout: null },
  retry: [{ close: [4000, 4099], then: 'stop' }, { timeout: true, then: 1000 }, { any: true, then: 'retry' }],
};
// @ts-expect-error no such jitter
const wrong: Options = { backoff: { jitter: 'some' } };
// @ts-expect-error a rule needs a verdict
const noVerdict: Options = { retry: [{ close: 1000 }] };

const Given = withModule({} as WebAssembly.Module);
const given: HeartlineSocket<Command, string> = new Given<Command, string>('wss://server/');
void [plain, constructor, options, wrong, noVerdict, given];
