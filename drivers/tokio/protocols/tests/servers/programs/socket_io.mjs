import { createServer } from "node:http";
import { address, load, record, whenTerminated } from "./common.mjs";

const http = createServer();
const io = new (load("socket.io").Server)(http, { pingInterval: 600, pingTimeout: 400 });

io.on("connection", (socket) => {
  socket.on("自定义事件1", (data) => io.emit("自定义事件2", data));
});
io.of("/diary").on("connection", (socket) => {
  socket.emit("welcome", () => record("answered"));
  socket.on("note", (label, acknowledge) => {
    record(label);
    acknowledge?.();
  });
});
io.of("/secret").use((socket, next) => {
  const { token } = socket.handshake.auth;
  next(token === "second" ? undefined : new Error(`no ${token}`));
});
http.listen(address);

whenTerminated(() => io.close());
