// What a page writes, checked by tsc as it is and with each of the mistakes.
import { HeartlineSocket } from 'heartline';
import type { Options, Receipt, RetryEvent } from 'heartline';
import { withModule } from 'heartline/module';

const socket = new HeartlineSocket(async ({ renew, signal }) => {
  const token = await fetch(`/token?renew=${renew}`, { signal });
  return `wss://chat.example/ws?token=${await token.text()}`;
}, ['chat'], {
  ping: 'ping',
  isPong: (data) => data === 'pong',
  heartbeat: { interval: 20_000, timeout: 10_000 },
  backoff: { base: 1000, max: 30_000, jitter: 'full' },
  retry: [{ close: [4400, 4499], then: 'stop' }, { timeout: true, then: 5000 }],
  greeting: async (link) => {
    await link.send('login');
    const answer: string = await link.receive();
    if (answer !== 'welcome') link.drop(4401);
  },
});

socket.onmessage = ({ data }) => document.body.append(data);
socket.addEventListener('retry', (event: RetryEvent) => console.log(event.attempt, event.delay));
socket.addEventListener('disconnect', ({ code, reason, wasClean, loss }) => console.log(code, reason, wasClean, loss?.kind));
socket.onclose = (event: CloseEvent) => console.log(event.code);

const receipt: Promise<Receipt> = socket.send('hello', { atLeastOnce: true, ttl: 60_000 });
receipt.then(({ outcome, reason, id }) => console.log(outcome, reason, id));

// A drop-in: whoever takes a WebSocket takes it.
interface Uses {
  readyState: number;
  bufferedAmount: number;
  binaryType: BinaryType;
  send(data: string | ArrayBuffer | Blob): unknown;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'message', listener: (event: MessageEvent) => void): void;
  onopen: ((event: Event) => unknown) | null;
}
const used: Uses = socket;
used.close(1000);

// Values of one's own, encoded by the options.
interface Chat {
  text: string;
}
const options: Options<Chat, string> = { encode: (chat, { id }) => JSON.stringify({ ...chat, id }), ack: (data) => Number(data) };
const chat = new HeartlineSocket<Chat, string>('wss://chat.example/ws', null, options);
chat.send({ text: 'hello' });

const Socket: typeof HeartlineSocket = withModule({} as WebAssembly.Module);
new Socket('wss://chat.example/ws').close(3000, 'done', { within: 1000 });

// @ts-expect-error there is no such option
new HeartlineSocket('wss://chat.example/ws', [], { pings: 'ping' });
// @ts-expect-error nor such a jitter
new HeartlineSocket('wss://chat.example/ws', [], { backoff: { jitter: 'some' } });
// @ts-expect-error a rule needs what it matches
new HeartlineSocket('wss://chat.example/ws', [], { retry: [{ then: 'stop' }] });
// @ts-expect-error and a verdict that exists
new HeartlineSocket('wss://chat.example/ws', [], { retry: [{ any: true, then: 'never' }] });
// @ts-expect-error a heartbeat without an answer is `null`, not `false`
new HeartlineSocket('wss://chat.example/ws', [], { ping: 'p', heartbeat: { timeout: false } });
// @ts-expect-error a number is no URL
new HeartlineSocket(443);
// @ts-expect-error what this one sends are chats
chat.send('hello');
// @ts-expect-error there is no such option of a message
socket.send('hello', { twice: true });
// @ts-expect-error the state is read
socket.readyState = 1;
// @ts-expect-error a retry has no code
socket.onretry = ({ code }) => code;
