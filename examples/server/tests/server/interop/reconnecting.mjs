// reconnecting-websocket against the server: it comes back after a restart, and after a crash. It also comes
// back when a newer login replaced it, because it takes every close code alike: its user has to end it.
import { address, assert, load, order, queue, run, token } from "./common.mjs";

const { WebSocket } = load("ws");
const Reconnecting = load("reconnecting-websocket");
const options = { WebSocket, minReconnectionDelay: 20, maxReconnectionDelay: 200, connectionTimeout: 2000 };

async function enter(name) {
  const socket = new Reconnecting(`ws://${address}/ws?token=${await token(name)}`, [], options);
  socket.addEventListener("error", () => {});
  const receive = queue(socket, "message", (event) => JSON.parse(event.data));
  const closed = queue(socket, "close", (event) => event.code);
  return { socket, receive, closed };
}

run(async () => {
  const greeting = { event: "open", msg: "ok", user: "seven" };
  const device = await enter("seven");
  assert.deepEqual(await device.receive("greeting"), greeting);
  for (const end of ["stop", "crash"]) {
    await order(end);
    await device.closed(end); // What is sent before it notices is lost with the old connection.
    device.socket.send(JSON.stringify({ event: "heart" })); // Kept until it is back.
    await order("start");
    const events = [await device.receive("greeting"), await device.receive("heartbeat")];
    assert.deepEqual(events.map(({ event }) => event).sort(), ["heart", "open"]);
  }

  // 4409 is final for a client that looks at it.
  device.socket.addEventListener("close", ({ code }) => { if (code === 4409) device.socket.close(); });
  const newer = await enter("seven");
  assert.deepEqual(await newer.receive("greeting"), greeting);
  for (let code = 0; code !== 4409;) code = await device.closed("replaced");
  newer.socket.send(JSON.stringify({ event: "heart" }));
  assert.deepEqual(await newer.receive("heartbeat"), { event: "heart" });
  newer.socket.close();
});
