// The same from a CommonJS module.
import heartline = require('heartline');
import module_ = require('heartline/module');

const socket: heartline.HeartlineSocket = new heartline.HeartlineSocket('wss://chat.example/ws', [], { listen: 30_000 });
const made: heartline.HeartlineSocket = new (module_.withModule({} as WebAssembly.Module))('wss://chat.example/ws');
const outcome: heartline.Outcome = 'acked';
socket.send(outcome);
made.close();
// @ts-expect-error there is no such option
new heartline.HeartlineSocket('wss://chat.example/ws', [], { listens: 30_000 });
