/**
 * The oldest fear of a mesh: a client that goes on with endpoints that are gone. 200 clients follow the endpoints of 20 Services
 * through 10,000 random changes; whenever it is quiet each of them must know exactly what is there, within a second, while
 * another client reads nothing at all. SOAK_CHANGES sets another number of changes.
 */
import { expect, test } from "bun:test";
import { seededRandom } from "#lib/random.ts";
import { formatSocketAddr } from "#lib/net-addr.ts";
import type { Socket } from "#lib/net/socket.ts";
import { resources } from "#kube/resource.ts";
import type { SliceEndpoint } from "#kube/types/discovery.ts";
import { socketAddr } from "#rpc/address.ts";
import type { RpcClient } from "#rpc/client.ts";
import { Destination, type Update } from "#rpc/gen/destination_pb.ts";
import { startDestination } from "#control/app.ts";
import { endpointFor, pod, service, slice } from "#control/testing/builders.ts";
import { startProgram } from "#control/testing/harness.ts";
import { quiet, runHistory } from "./quiet-points.ts";

const changes = Number(process.env["SOAK_CHANGES"] ?? "10000");
const services = 20;
const podsEach = 8;
const clientsEach = 10;

const random = seededRandom(99);
const below = (end: number): number => Math.floor(random.next() * end);
const nameOf = (index: number): string => `svc-${index}`;
const pods = Array.from({ length: services }, (_, index) =>
  Array.from({ length: podsEach }, (_unused, at) => pod({ name: `p-${index}-${at}`, ip: `10.${index}.0.${at + 1}` })),
);

/** What one stream knows: "ip:port" of every endpoint. */
class Follower {
  readonly known = new Set<string>();
  ended = false;

  constructor(client: RpcClient, index: number) {
    client.serverStream(
      Destination.method.get,
      { path: `${nameOf(index)}.web.svc.cluster.local:80` },
      { onMessage: (update) => this.take(update), onEnd: () => void (this.ended = true) },
    );
  }

  private take({ update }: Update): void {
    const text = (addr: Parameters<typeof socketAddr>[0]): string => {
      const read = socketAddr(addr);
      return read === null ? "" : formatSocketAddr(read);
    };
    if (update.case === "add") for (const { addr } of update.value.addrs) this.known.add(text(addr));
    if (update.case === "remove") for (const addr of update.value.addrs) this.known.delete(text(addr));
    if (update.case === "noEndpoints") this.known.clear();
  }
}

test(`${changes} changes reach ${services * clientsEach} clients, whatever a stuck one does`, async () => {
  const expected = pods.map(() => new Set<string>());
  const program = await startProgram(startDestination, ["--addr=127.0.0.1:0", "--metrics-addr=127.0.0.1:0"], (api) => {
    for (const [index, all] of pods.entries()) {
      api.put(resources.services, service({ name: nameOf(index), ip: `10.96.0.${index + 1}` }));
      for (const object of all) api.put(resources.pods, object);
    }
  });
  const change = (index: number): void => {
    const endpoints: SliceEndpoint[] = [];
    const all = expected[index] ?? new Set<string>();
    all.clear();
    for (const object of pods[index] ?? []) {
      const ready = random.next() < 0.6;
      if (random.next() < 0.1) continue;
      endpoints.push(endpointFor(object, { conditions: { ready } }));
      if (ready) all.add(`${object.status?.podIP ?? ""}:8080`);
    }
    program.api.put(resources.endpointSlices, slice({ service: nameOf(index), endpoints }));
  };
  try {
    const followers = pods.map((_, index) => {
      const client = program.client();
      return Array.from({ length: clientsEach }, () => new Follower(client, index));
    });
    const stuck: Socket[] = [];
    const stuckClient = program.client((socket) => stuck.push(socket));
    const stuckFollowers = pods.map((_, index) => new Follower(stuckClient, index));
    const stale = (): number =>
      followers.flatMap((group, index) => group.filter(({ known }) => !Bun.deepEquals(known, expected[index]))).length;
    for (let index = 0; index < services; index++) change(index);
    await quiet(stale);
    stuck[0]?.pause();
    const { p99 } = await runHistory({ changes, random, stale, change: () => change(below(services)) });
    expect(p99).toBeLessThan(1000);
    expect(followers.flat().filter(({ ended }) => ended)).toEqual([]);
    // Read at last, the stuck one hears that its streams were cut.
    stuck[0]?.resume();
    const cut = (): boolean => stuckFollowers.every(({ ended }) => ended);
    // Fewer changes may fit into what the sockets hold.
    if (changes >= 5000) while (!cut()) await Bun.sleep(10);
  } finally {
    await program.stop();
  }
}, 300_000);
