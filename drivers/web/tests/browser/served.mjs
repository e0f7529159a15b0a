// A WebSocket server that is a process of its own, so that it can be killed: `node served.mjs PORT UPGRADE`. Answers `hello` and
// `ack me N` by `welcome` and `ack N`. Prints its port.
import { SocketServer } from '../chromium/index.mjs';

const [port, upgrade] = process.argv.slice(2);

function answer(message) {
  if (message === 'hello') return 'welcome';
  return message.startsWith('ack me ') ? message.replace(' me', '') : undefined;
}

const server = await SocketServer.start({ port: Number(port), upgrade, answer: upgrade === 'accept' ? answer : () => undefined });
if (upgrade === 'mute') server.upgrade = 'accept';
console.log(server.port);
