/** Run with few descriptors: connects until there are none, prints the error's code, frees one and connects again. */
import { connect } from "../connect.ts";
import { listen } from "../listen.ts";
import type { Socket } from "../socket.ts";

const listener = listen({ ip: "127.0.0.1", port: 0 }, () => {});
const open: Socket[] = [];

function dial(): Promise<string> {
  return new Promise((resolve) => {
    connect(
      { ip: "127.0.0.1", port: listener.addr.port, timeout: 2000 },
      {
        onOpen(socket) {
          open.push(socket);
          resolve("open");
        },
        onFail: (error) => resolve(error.code),
      },
    );
  });
}

let outcome = "open";
for (let count = 0; outcome === "open" && count < 1000; count++) outcome = await dial();
console.log(outcome);
for (const socket of open.splice(0, 8)) socket.terminate();
await Bun.sleep(5);
console.log(await dial());
process.exit(0);
