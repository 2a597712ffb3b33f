/** The first bytes of a real TLS client, as a client of this name would send them. */
import { connect } from "node:tls";
import { Duplex } from "node:stream";

export function helloBytes(serverName: string): Buffer {
  const chunks: Buffer[] = [];
  const wire = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      done();
    },
  });
  const socket = connect({ socket: wire, servername: serverName, minVersion: "TLSv1.3" });
  socket.on("error", () => socket.destroy());
  return Buffer.concat(chunks);
}
