/**
 * `echo PORT` answers each byte with itself. `hold IP PORT COUNT` keeps connections open, each proven by one byte there
 * and back. `stall IP PORT COUNT` asks on each for many large bodies and never reads on. All print "ready".
 */
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
  const stalls = role === "stall";
  const hello = Buffer.from(stalls ? "GET /large HTTP/1.1\r\nhost: app\r\n\r\n".repeat(100) : "x");
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
          socket.write(hello, 0, hello.length);
        },
        data(socket) {
          if (stalls) socket.pause();
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
