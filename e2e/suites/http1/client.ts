/**
 * `client.ts INBOUND PAIR PORT`: sends every case by both ways, as a whole and cut at every byte, and prints a JSON object: by
 * number of exchange, the bytes that came back.
 */
import { cases, firstResponse, plainAnswer } from "./cases.ts";
import { numberOf, ways } from "./numbers.ts";

/** Connections at a time. */
const together = 40;
/** The other end must be done by then, ms. */
const patience = 8000;

const [inbound = "", pair = "", port = ""] = process.argv.slice(2);
const hosts = { inbound, pair };
const received: Record<string, string> = {};

function exchange(host: string, request: Buffer, at: number): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const timer = setTimeout(() => resolve(`${text} (the connection did not end)`), patience);
    const done = (): void => {
      clearTimeout(timer);
      resolve(text);
    };
    void Bun.connect({
      hostname: host,
      port: Number(port),
      allowHalfOpen: true,
      socket: {
        async open(socket) {
          socket.setNoDelay(true);
          if (at > 0) {
            socket.write(request.subarray(0, at));
            await Bun.sleep(3);
          }
          socket.write(request.subarray(at));
          socket.shutdown();
        },
        data(_, bytes) {
          text += bytes.toString("latin1");
        },
        end(socket) {
          socket.end();
          done();
        },
        close: done,
        error: done,
      },
    }).catch((error: unknown) => {
      clearTimeout(timer);
      resolve(`(${String(error)})`);
    });
  });
}

const jobs: Array<() => Promise<void>> = [];
for (const [index, { request, response = plainAnswer }] of cases.entries()) {
  const about = index < firstResponse ? request.replaceAll("@", "000000") : response;
  for (const [way, name] of ways.entries()) {
    for (let cut = 0; cut < about.length; cut++) {
      const id = numberOf(index, way, cut);
      const bytes = Buffer.from(request.replaceAll("@", id), "latin1");
      jobs.push(async () => {
        received[id] = await exchange(hosts[name], bytes, index < firstResponse ? cut : 0);
      });
    }
  }
}
let next = 0;
const lane = async (): Promise<void> => {
  for (let job = jobs[next++]; job !== undefined; job = jobs[next++]) await job();
};
await Promise.all(Array.from({ length: together }, lane));
process.stdout.write(JSON.stringify(received), () => process.exit(0));
