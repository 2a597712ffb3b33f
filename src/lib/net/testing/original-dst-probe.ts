/**
 * Run inside a network namespace that redirects to port 4140: listens there, dials each address of its arguments
 * ("ip port" pairs) and prints what the listener took for the original destination, one JSON line each.
 */
import { connect } from "../connect.ts";
import { listen } from "../listen.ts";
import { originalDst } from "../original-dst.ts";

const [, , listenIp = "::", ...targets] = process.argv;
const listener = listen({ ip: listenIp, port: 4140 }, (socket) => {
  console.log(JSON.stringify({ original: originalDst(socket), remote: socket.remote.ip }));
  socket.close();
});

function dial(ip: string, port: number): Promise<void> {
  return new Promise((resolve) => {
    connect(
      { ip, port, timeout: 2000 },
      {
        onOpen(socket) {
          socket.handler = {
            onData() {},
            onDrain() {},
            onEnd: () => socket.close(),
            onClose: () => resolve(),
          };
        },
        onFail(error) {
          console.log(JSON.stringify({ failed: error.message }));
          resolve();
        },
      },
    );
  });
}

for (let index = 0; index + 1 < targets.length; index += 2) {
  await dial(targets[index] ?? "", Number(targets[index + 1]));
}
listener.close();
