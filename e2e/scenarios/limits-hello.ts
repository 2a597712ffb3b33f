/** The first bytes of a real TLS client that asks for this name. */
import { createServer } from "node:net";
import { connect } from "node:tls";

export function helloBytes(serverName: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const listener = createServer((socket) => {
      socket.once("data", (bytes) => {
        resolve(Buffer.from(bytes));
        socket.destroy();
        listener.close();
      });
    });
    listener.on("error", reject);
    listener.listen(0, "127.0.0.1", () => {
      const address = listener.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      // The listener hangs up on it.
      connect({ host: "127.0.0.1", port, servername: serverName, minVersion: "TLSv1.3" }).on("error", () => {});
    });
  });
}
