// The declarations for CommonJS.
import heartline = require('heartline');
import given = require('heartline/module');

const socket: heartline.HeartlineSocket = new heartline.HeartlineSocket('wss://server/', null, { maxRetries: 3 });
const same: typeof heartline.HeartlineSocket = given.withModule({} as WebAssembly.Module);
// @ts-expect-error no such event handler
socket.onnothing = same;
