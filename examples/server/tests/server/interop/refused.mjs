// Clients of protocols that are not spoken here are told so by a status. That of graphql gives up at once, that of socket.io, which
// takes every failure alike, after the attempts that it is given.
import { address, assert, load, run, soon } from "./common.mjs";

const { WebSocket } = load("ws");
const { io } = load("socket.io-client");
const { createClient } = load("graphql-ws");

function socketIo(transport, path) {
  const socket = io(`http://${address}`, { path, transports: [transport], reconnectionAttempts: 2, reconnectionDelay: 10 });
  const statuses = [];
  socket.on("connect_error", ({ description }) => statuses.push(description?.message ?? description));
  return soon("end", new Promise((done) => socket.io.on("reconnect_failed", () => done(statuses))));
}

function graphql() {
  let attempts = 0;
  const client = createClient({ url: `ws://${address}/ws`, webSocketImpl: WebSocket, retryAttempts: 2, retryWait: async () => {} });
  client.on("connecting", () => { attempts += 1; });
  const next = () => assert.fail("nothing is there to be subscribed to");
  return soon("end", new Promise((done) => {
    client.subscribe({ query: "subscription { noted }" }, { next, complete: next, error: () => done(attempts) });
  }));
}

run(async () => {
  for (const path of ["/socket.io/", "/ws/"]) {
    assert.deepEqual(await socketIo("polling", path), [404, 404, 404]);
    assert.deepEqual(await socketIo("websocket", path), Array(3).fill("Unexpected server response: 404"));
  }
  const socket = new WebSocket(`ws://${address}/ws`, "graphql-transport-ws");
  socket.on("error", () => {});
  const [, response] = await soon("refusal", new Promise((done) => socket.once("unexpected-response", (...both) => done(both))));
  assert.equal(response.statusCode, 400);
  assert.equal(await graphql(), 1);
});
