import { address, load, record, whenTerminated } from "./common.mjs";

const server = new (load("ws").WebSocketServer)(address);

server.on("connection", (socket) => {
  socket.on("error", () => {});
  socket.on("message", (data) => {
    const [id, label] = data.toString().split(" ");
    record(label);
    socket.send(`ok ${id}`);
  });
});

whenTerminated(() => server.clients.forEach((client) => client.close(1012)));
