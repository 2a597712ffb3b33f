/**
 * `app.ts PORT TELL-PORT`: a server that takes each request apart with the plain reader of the fuzzers, answers as the case says
 * that the exchange's number names, and tells on the other port what it saw.
 */
import { readMessage } from "../../../fuzz/references/http1.ts";
import { cases, firstResponse, plainAnswer } from "./cases.ts";
import { caseOf, cutOf } from "./numbers.ts";

interface Connection {
  text: string;
  /** The head that asked for 100 and was told so. */
  continued: boolean;
  ending: boolean;
}

const [port = 0, tellPort = 0] = process.argv.slice(2).map(Number);
const seen: Record<string, string[]> = {};

Bun.listen<Connection>({
  hostname: "0.0.0.0",
  port,
  allowHalfOpen: true,
  socket: {
    open(socket) {
      socket.data = { text: "", continued: false, ending: false };
    },
    async data(socket, bytes) {
      const connection = socket.data;
      connection.text += bytes.toString("latin1");
      for (;;) {
        if (!connection.continued && /\r\nexpect: 100-continue\r\n/i.test(connection.text)) {
          connection.continued = true;
          socket.write("HTTP/1.1 100 Continue\r\n\r\n");
        }
        const message = readMessage("request", connection.text, 0);
        if (message === null) break;
        connection.text = connection.text.slice(message.end);
        connection.continued = false;
        const id = /id(?:=|\x01)(\d{6})/.exec(message.rendering)?.[1] ?? "";
        (seen[id] ??= []).push(message.rendering);
        const known = cases[caseOf(id)];
        const answer = Buffer.from(known?.response ?? plainAnswer, "latin1");
        const at = caseOf(id) >= firstResponse ? Math.min(cutOf(id), answer.length) : 0;
        socket.write(answer.subarray(0, at));
        if (at > 0) await Bun.sleep(3);
        socket.write(answer.subarray(at));
        if (known?.closes === true) socket.end();
      }
    },
    end(socket) {
      socket.end();
    },
    error() {},
  },
});

Bun.serve({ hostname: "0.0.0.0", port: tellPort, fetch: () => Response.json(seen) });
