// reconnecting-websocket against the server: it comes back after a restart, and after a crash. It also comes
// back when a newer login replaced it, because it takes every close code alike: its user has to end it.
import { address, assert, load, order, queue, run } from "./common.mjs";

const { WebSocket } = load("ws");
const Reconnecting = load("reconnecting-websocket");
const options = { WebSocket, minReconnectionDelay: 20, maxReconnectionDelay: 200, connectionTimeout: 2000 };

function enter(name) {
  const socket = new Reconnecting(`ws://${address}/goLink/device/${name}`, [], options);
  socket.addEventListener("error", () => {});
  const receive = queue(socket, "message", (event) => JSON.parse(event.data));
  const closed = queue(socket, "close", (event) => event.code);
  return { socket, receive, closed };
}

run(async () => {
  const greeting = { event: "open", msg: "ok", user: "seven" };
  const device = enter("seven");
  assert.deepEqual(await device.receive("greeting"), greeting);
  for (const end of ["stop", "crash"]) {
    await order(end);
    await device.closed(end); // What is sent before it notices is lost with the old connection.
    device.socket.send(JSON.stringify({ event: "heart" })); // Kept until it is back.
    await order("start");
    const events = [await device.receive("greeting"), await device.receive("heartbeat")];
    assert.deepEqual(events.map(({ event }) => event).sort(), ["heart", "open"]);
  }

  // Two of one user replace each other for as long as both come back.
  const other = enter("seven");
  for (let turn = 0; turn < 3; turn += 1) {
    assert.deepEqual(await other.receive("greeting"), greeting);
    assert.deepEqual(await device.receive("greeting"), greeting);
  }
  // 4409 is final for a client that looks at it.
  device.socket.addEventListener("close", ({ code }) => { if (code === 4409) device.socket.close(); });
  const again = enter("seven");
  other.socket.close();
  for (let code = 0; code !== 4409;) code = await device.closed("replaced");
  again.socket.close();
});
