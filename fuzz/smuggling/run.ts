/**
 * Known-bad and mutated requests through the proxy to several servers. After each batch the requests that a server heard, or
 * refused, must be those that the proxy counted: none was smuggled past it, and none was lost. Only a request whose body is
 * broken or breaks off may end in the proxy. And each that was counted was answered.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { classify } from "#proxy/detect/classify.ts";
import { readCorpus, saveInput } from "../corpus.ts";
import { Dice } from "../dice.ts";
import { decodeAll } from "#wire/http1/testing/decode-all.ts";
import { mutate } from "../mutate.ts";
import { latin1 } from "../target.ts";
import { attacks, words } from "./attacks.ts";
import { serverNames, startServer, type Server, type ServerName } from "./servers.ts";
import { openWay, type Way } from "./way.ts";

const batchSize = 500;
/** Connections at a time through each way. */
const together = 25;
/** A connection whose both ends have said all they have must be over by then, ms. */
const patience = 8000;
/** Pairs are in front of these only: what differs is the proxies between, not the server. */
const paired: readonly ServerName[] = ["nginx", "node"];
const corpusName = "smuggling";

interface Tally {
  readonly inbound: number;
  readonly outbound: number | null;
  readonly heard: readonly string[];
  readonly stuck: number;
  /** Requests that the proxy may have given up before the server heard of them. */
  readonly unfinished: number;
  /** Final answers that clients got, the proxy's own refusals among them. */
  readonly answers: number;
  /** 502s among them, which no server here gives: it closed a connection without saying so first, and the client knows. */
  readonly broken: number;
}

/** Runs `executions` mutations, after the known ones, through every way. True when all agree. */
export async function runSmuggling(executions: number, seed: number): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), "linkerd-smuggling-"));
  const servers: Server[] = [];
  const ways: Way[] = [];
  try {
    for (const name of serverNames) {
      const server = await startServer(name, folder);
      servers.push(server);
      ways.push(await openWay(server, "inbound"), await openWay(server, "detect"));
    }
    for (const name of paired) {
      const server = servers.find((one) => one.name === name);
      if (server !== undefined) ways.push(await openWay(server, "pair"));
    }
    return await runAll(ways, executions, seed);
  } finally {
    for (const way of ways) way.stop();
    await Promise.all(servers.map((server) => server.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runAll(ways: readonly Way[], executions: number, seed: number): Promise<boolean> {
  const known = [...latin1(attacks), ...readCorpus(corpusName)];
  const accepted = known.filter((input) => decodeAll("request", [input]).reason === null);
  const dictionary = latin1(words);
  const inputOf = (execution: number): Buffer => {
    if (execution < known.length) return known[execution] ?? Buffer.alloc(0);
    const dice = new Dice(seed, execution);
    // Half of them begin with what is accepted: every one that is refused at once says little about the servers.
    return mutate(dice.pick(dice.once(2) ? accepted : known), dice.pick(known), dictionary, dice);
  };
  const total = known.length + executions;
  const counts = new Map(ways.map((way) => [way.name, { counted: 0, heard: 0, refused: 0, broken: 0 }]));
  const disagreements: number[] = [];
  const bad = (): number => disagreements.reduce((sum, one) => sum + one, 0);
  const start = performance.now();
  for (let from = 0; from < total && bad() < 20; from += batchSize) {
    const size = Math.min(batchSize, total - from);
    const inputs = Array.from({ length: size }, (_, index) => inputOf(from + index));
    const each = async (way: Way): Promise<void> => {
      const fitting = way.kind === "detect" ? inputs.filter(passesOpaque) : inputs;
      const tally = await send(way, fitting);
      const count = counts.get(way.name)!;
      count.counted += tally.inbound;
      count.heard += tally.heard.length;
      count.broken += tally.broken;
      count.refused += tally.heard.filter(isRefusal).length;
      if (!agrees(way, tally)) disagreements.push(await blame(way, fitting, tally));
      way.tidy();
    };
    // A server hears by one way at a time: its lines don't say by which.
    for (const phase of ["inbound", "pair", "detect"])
      await Promise.all(ways.filter(({ kind }) => kind === phase).map(each));
  }
  const seconds = (performance.now() - start) / 1000;
  for (const [name, { counted, heard, refused, broken }] of counts) {
    const parts = [
      `${counted} requests counted`,
      `${heard} heard`,
      `${refused} of them refused`,
      `${broken} answered 502`,
    ];
    console.log(`smuggling: ${name.padEnd(14)} ${parts.join(", ")}`);
  }
  const rate = Math.round((total * ways.length) / seconds);
  console.log(
    `smuggling        ${executions} mutations and ${known.length} known requests in ${seconds.toFixed(1)} s, ${rate} connections/s, ${bad()} disagreements`,
  );
  return bad() === 0;
}

const isRefusal = (line: string): boolean => line.startsWith("refused") || /^seen [45]/.test(line);
/** nginx and Node.js serve a line without a version. Protocols that are not HTTP speak so, too: they can't be told apart. */
const isHttp09 = (line: string): boolean => line.startsWith("seen") && !/ HTTP\/[1-9]/.test(line);

/** Whether a proxy that looks at the bytes takes them for something else than HTTP: no server may serve them as requests. */
const passesOpaque = (input: Buffer): boolean => classify(input, true)?.kind === "opaque";

/** Between one end and the next: no more than before, and no fewer but for those that ended here. */
const passed = (before: number, after: number, ended: number): boolean => after <= before && after >= before - ended;

function agrees({ kind }: Way, { inbound, outbound, heard, stuck, unfinished, answers, broken }: Tally): boolean {
  if (kind === "detect") return inbound === 0 && !heard.some((line) => !isRefusal(line) && !isHttp09(line));
  const first = outbound ?? inbound;
  const ended = unfinished + broken;
  return stuck === 0 && answers >= first && passed(first, inbound, ended) && passed(inbound, heard.length, ended);
}

/** Finds by halves which of a batch the disagreement comes from, and keeps them. Returns how many there are, at least 1. */
async function blame(way: Way, inputs: readonly Buffer[], all: Tally): Promise<number> {
  let found = 0;
  if (inputs.length === 1) {
    const path = saveInput(corpusName, all.stuck > 0 ? "hang" : "crash", inputs[0] ?? Buffer.alloc(0));
    console.log(`smuggling: ${way.name}: ${told(all)}, kept as ${path}`);
    return 1;
  }
  const middle = inputs.length >> 1;
  for (const half of [inputs.slice(0, middle), inputs.slice(middle)]) {
    const tally = await send(way, half);
    if (!agrees(way, tally)) found += await blame(way, half, tally);
  }
  if (found > 0) return found;
  console.log(`smuggling: ${way.name}: ${told(all)} of ${inputs.length} connections, and half of them do so no more`);
  return 1;
}

function told({ inbound, outbound, heard, stuck, answers }: Tally): string {
  const shown = heard.length > 5 ? "" : ` (${heard.join("; ")})`;
  const client = outbound === null ? "" : `, the client's proxy ${outbound}`;
  return `the proxy counted ${inbound}${client}, the server heard ${heard.length}${shown}, the client got ${answers} answers, ${stuck} connections did not end`;
}

async function send(way: Way, inputs: readonly Buffer[]): Promise<Tally> {
  way.server.take();
  const before = way.counted();
  let stuck = 0;
  let answers = 0;
  let broken = 0;
  let next = 0;
  const unfinished = inputs.filter((input) => decodeAll("request", [input]).unfinished).length;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < inputs.length; index = next++) {
      const received = await exchange(way.port, inputs[index] ?? Buffer.alloc(0));
      if (received === null) {
        stuck++;
        continue;
      }
      const statuses = received.match(/HTTP\/1\.[01] [2-5]\d\d/g) ?? [];
      answers += statuses.length;
      broken += statuses.filter((status) => status.endsWith("502")).length;
    }
  };
  await Promise.all(Array.from({ length: Math.min(together, inputs.length) }, lane));
  const heard: string[] = [];
  const difference = (): Tally => {
    const after = way.counted();
    return {
      inbound: after.inbound - before.inbound,
      outbound: after.outbound === null ? null : after.outbound - (before.outbound ?? 0),
      heard,
      stuck,
      unfinished,
      answers,
      broken,
    };
  };
  // The server's lines come by a pipe, a little later. Where some requests may be missing, silence says that these are all.
  for (let quiet = 0; quiet < (agrees(way, difference()) ? 100 : 1000); quiet += 10) {
    const more = way.server.take();
    heard.push(...more);
    if (more.length > 0) quiet = 0;
    if (heard.length === way.counted().inbound - before.inbound) break;
    await Bun.sleep(10);
  }
  return difference();
}

/** Sends it, says that no more comes, and waits until the other end closes. What came back; null: it did not end. */
function exchange(port: number, input: Buffer): Promise<string | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(null), patience);
    let received = "";
    const done = (): void => {
      clearTimeout(timer);
      resolve(received);
    };
    void Bun.connect({
      hostname: "127.0.0.1",
      port,
      allowHalfOpen: true,
      socket: {
        open(socket) {
          socket.write(input);
          socket.shutdown();
        },
        data(_, bytes) {
          received += bytes.toString("latin1");
        },
        end(socket) {
          socket.end();
          done();
        },
        close: done,
        error: done,
        connectError: done,
      },
    }).catch(done);
  });
}
