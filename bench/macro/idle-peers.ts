/** `idle-peers.ts echo PORT` answers each byte with itself; `idle-peers.ts hold IP PORT COUNT` keeps connections open. Both print "ready". */
const [role = "", ...rest] = process.argv.slice(2);

if (role === "echo") {
  Bun.listen({
    hostname: "0.0.0.0",
    port: Number(rest[0]),
    socket: {
      data(socket, chunk) {
        socket.write(chunk, 0, chunk.length);
      },
    },
  });
  console.log("ready");
} else {
  const [ip = "", port = "", count = ""] = rest;
  const total = Number(count);
  const hello = Buffer.from("x");
  let answered = 0;
  let started = 0;
  const open = (): void => {
    if (started >= total) return;
    started++;
    Bun.connect({
      hostname: ip,
      port: Number(port),
      socket: {
        open(socket) {
          socket.write(hello, 0, 1);
        },
        data() {
          answered++;
          if (answered === total) console.log("ready");
          open();
        },
        close() {
          console.log("failed: a connection was closed");
        },
      },
    }).catch((error: unknown) => console.log(`failed: ${String(error)}`));
  };
  // Few at a time: handshakes cost CPU, and the listeners' queues are finite.
  for (let i = 0; i < 32; i++) open();
}
