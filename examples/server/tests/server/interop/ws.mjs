// node's ws against the server.
import { address, assert, load, order, queue, run, soon, token } from "./common.mjs";

const { WebSocket } = load("ws");

class Client {
  constructor(path = "/ws", options = {}) {
    this.socket = new WebSocket(`ws://${address}${path}`, options);
    this.receive = queue(this.socket, "message", (event) => JSON.parse(event.data));
    this.closed = queue(this.socket, "close", (event) => [event.code, event.reason]);
    this.opened = queue(this.socket, "open", () => true);
    this.socket.on("error", () => {});
  }
  static async login(user) {
    const client = new Client();
    await client.opened("open");
    client.send({ event: "login", token: await token(user) });
    assert.deepEqual(await client.receive("greeting"), { event: "open", msg: "ok", user });
    return client;
  }
  send(event) { this.socket.send(JSON.stringify(event)); }
}

run(async () => {
  const ann = await Client.login("ann"), bob = await Client.login("bob");

  ann.send({ event: "heart" });
  assert.deepEqual(await ann.receive("heartbeat"), { event: "heart" });
  ann.socket.ping("x");
  assert.equal(String(await soon("pong", new Promise((done) => ann.socket.once("pong", done)))), "x");

  ann.send({ event: "send", to: "bob", text: "hello", id: 1 });
  assert.deepEqual(await bob.receive("relay"), { event: "text", from: "ann", text: "hello", id: 1 });
  assert.deepEqual(await ann.receive("outcome"), { event: "sent", id: 1, reached: 1 });
  bob.send({ event: "open_screen", to_user: "ann" });
  assert.deepEqual(await ann.receive("relay"), { event: "open_screen", from_user: "bob" });
  bob.send({ event: "send", to: "eve", text: "?", id: 2 });
  assert.deepEqual(await bob.receive("outcome"), { event: "offline", to_user: "eve", id: 2 });

  ann.send({ event: "dance" });
  assert.deepEqual(await ann.receive("reply"), { fromuserId: "system", event: "heart", msg: "event cannot be handled" });

  const manager = new Client("/ws", { headers: { Authorization: `Bearer ${await token("manager")}` } });
  const device = new Client(`/ws?token=${await token("device")}`);
  assert.deepEqual(await manager.receive("greeting"), { event: "open", msg: "ok", user: "manager" });
  assert.deepEqual(await device.receive("greeting"), { event: "open", msg: "ok", user: "device" });
  manager.send({ event: "stop_screen", to_user: "device" });
  assert.deepEqual(await device.receive("relay"), { event: "stop_screen", from_user: "manager" });

  const newer = await Client.login("bob");
  assert.deepEqual(await bob.closed("replaced"), [4409, "replaced by a newer login"]);
  newer.send({ event: "heart" });
  assert.deepEqual(await newer.receive("heartbeat"), { event: "heart" });

  manager.socket._socket.write(Buffer.from([0xc1, 0x80, 0, 0, 0, 0])); // A reserved bit.
  assert.equal((await manager.closed("malformed"))[0], 1002);
  device.socket.send(Buffer.alloc(100_000));
  assert.equal((await device.closed("too large"))[0], 1009);

  for (const [path, headers, status] of [
    ["/ws", { Origin: "http://evil.example" }, 403],
    ["/ws?token=forged", {}, 401],
    ["/elsewhere", {}, 404],
  ]) {
    const refused = new Client(path, { headers });
    const [, response] = await soon("refusal", new Promise((done) => refused.socket.once("unexpected-response", (...both) => done(both))));
    assert.equal(response.statusCode, status);
  }

  await order("stop");
  const [code, reason] = await ann.closed("stop");
  assert.equal(code, 1012);
  assert.match(reason, /^retry-after-ms=\d+$/);
  await order("start");
  await Client.login("ann");
});
