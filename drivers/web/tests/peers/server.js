// A WebSocket server on loopback, and what it saw.
import { once } from 'node:events';
import { WebSocketServer } from 'ws';

/** `greet(socket, index)` is called at each connection; it may close it. */
export async function serve(greet = () => {}, port = 0) {
  const handleProtocols = (offered) => [...offered].at(-1);
  const server = new WebSocketServer({ host: '127.0.0.1', port, handleProtocols });
  await once(server, 'listening');
  const seen = { paths: [], protocols: [], messages: [], closes: [], sockets: [] };
  server.on('connection', (socket, request) => {
    seen.paths.push(request.url);
    seen.protocols.push(request.headers['sec-websocket-protocol'] ?? '');
    const index = seen.sockets.push(socket) - 1;
    socket.on('message', (data, binary) => seen.messages.push(binary ? [...data] : data.toString()));
    socket.on('close', (code, reason) => seen.closes.push(`${code} ${reason}`.trim()));
    socket.on('error', () => {});
    greet(socket, index);
  });
  return {
    ...seen,
    port: server.address().port,
    url: `ws://127.0.0.1:${server.address().port}`,
    /** Ends every connection without a close frame. */
    kill: () => seen.sockets.forEach((socket) => socket.terminate()),
    stop: async () => {
      seen.sockets.forEach((socket) => socket.terminate());
      await new Promise((done) => server.close(done));
    },
  };
}
