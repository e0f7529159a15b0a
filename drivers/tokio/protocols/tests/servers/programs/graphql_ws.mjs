import { EventEmitter, on } from "node:events";
import { address, load, record, whenTerminated } from "./common.mjs";

const notes = new EventEmitter().setMaxListeners(0);
const schema = load("graphql").buildSchema(`
  type Query { nothing: Boolean }
  type Mutation { note(label: String!): Boolean }
  type Subscription { noted: String }
`);
const roots = {
  mutation: {
    note({ label }) {
      record(label);
      notes.emit("noted", label);
      return true;
    },
  },
  subscription: {
    async *noted() {
      for await (const [noted] of on(notes, "noted")) yield { noted };
    },
  },
};
const server = new (load("ws").WebSocketServer)({ ...address, path: "/graphql" });
const { dispose } = load("graphql-ws/use/ws").useServer({ schema, roots }, server);

whenTerminated(() => dispose());
