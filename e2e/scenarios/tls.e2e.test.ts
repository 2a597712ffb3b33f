/** What goes over the wire: TLS 1.3 and nothing else between meshed pods, plaintext from a pod without a mesh. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";
import { applyFile, emojivotoFile, waitForDeployments } from "../../scripts/mesh.ts";
import { clusterKind, eventually, ok, startCluster, toolboxImage, type TestCluster } from "../harness/cluster.ts";
import { installMesh } from "../harness/mesh.ts";

const isRoot = process.getuid?.() === 0;
const canCapture = isRoot && Bun.which("tcpdump") !== null && clusterKind !== "given";

describe.skipIf(!canCapture)("traffic between pods", () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await startCluster("tls");
    await installMesh(cluster);
    await applyFile(cluster.client, emojivotoFile);
    await waitForDeployments(cluster.client, "emojivoto", 60_000);
  });
  afterAll(async () => {
    await cluster?.stop();
  });

  async function pod(namespace: string, app: string): Promise<Pod> {
    const { items } = await cluster.client.list<Pod>(resources.pods, { namespace, labelSelector: `app=${app}` });
    return items[0]!;
  }

  /** Captures on all links of the node from before `act` until enough came from and to the address that it gives: TCP payloads. */
  async function capture(filter: string, act: () => Promise<string>): Promise<Buffer[]> {
    const node = await cluster.nodePid();
    const file = `/tmp/linkerd-e2e-${process.pid}.pcap`;
    const enter = ["nsenter", `--net=/proc/${node}/ns/net`];
    const tcpdump = Bun.spawn([...enter, "tcpdump", "-i", "any", "-s", "0", "-U", "-w", file, filter], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: "pipe",
    });
    let said = "";
    void (async () => {
      for await (const chunk of tcpdump.stderr) said += Buffer.from(chunk).toString();
    })();
    let peer = "";
    const payloads = async (): Promise<Buffer[]> => tcpPayloads(Buffer.from(await Bun.file(file).arrayBuffer()), peer);
    try {
      await eventually("the capture", 20_000, async () => (said.includes("listening on") ? true : null));
      peer = await act();
      await eventually("captured segments", 60_000, async () => ((await payloads()).length >= 100 ? true : null));
    } finally {
      tcpdump.kill("SIGINT");
      await tcpdump.exited;
    }
    const captured = await payloads();
    rmSync(file);
    return captured;
  }

  test("is TLS 1.3 only, with new connections of web to voting and emoji in the capture", async () => {
    const voting = (await pod("emojivoto", "voting")).status?.podIP ?? "";
    // Connections of a new pod are new ones: those of the old one were opened before the capture.
    const payloads = await capture(`tcp and host ${voting}`, async () => {
      await ok(cluster.kubectl(["delete", "pod", "-n", "emojivoto", "-l", "app=web"]));
      return eventually("the address of the new web", 60_000, async () => {
        const { status } = await pod("emojivoto", "web");
        return status?.podIP ?? null;
      });
    });
    expect(payloads.length).toBeGreaterThan(10);
    expect(payloads.some((payload) => payload.includes("HTTP/1.1") || payload.includes("/api/"))).toBe(false);
    const starts = payloads.filter((payload) => payload[0] !== undefined);
    // Each segment that starts a record has a TLS record header; others continue one.
    const records = starts.filter((payload) => payload[0]! >= 20 && payload[0]! <= 23 && payload[1] === 3);
    expect(records.length).toBeGreaterThan(5);
    const hellos = payloads.filter((payload) => payload[0] === 22 && payload[5] === 2);
    expect(hellos.length).toBeGreaterThan(0);
    for (const hello of hellos) {
      // supported_versions (43) of a ServerHello: exactly TLS 1.3.
      expect(hello.includes(Buffer.from([0x00, 0x2b, 0x00, 0x02, 0x03, 0x04]))).toBe(true);
    }
  });

  test("a pod without a mesh still reaches a meshed one, and metrics tell the two apart", async () => {
    const manifest = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "bare", namespace: "default", labels: { app: "bare" } },
      spec: {
        restartPolicy: "Never",
        containers: [
          {
            name: "main",
            image: toolboxImage,
            command: [
              "sh",
              "-c",
              "for i in 1 2 3 4 5; do curl -fsS -m 5 http://emoji.emojivoto:8080/api/list >/dev/null || exit 1; done",
            ],
          },
        ],
      },
    };
    await cluster.client.apply(resources.pods, { ...manifest, metadata: manifest.metadata });
    await eventually("the bare pod's end", 30_000, async () => {
      const found = await cluster.client.get<Pod>(resources.pods, "bare", "default");
      if (found.status?.phase === "Failed") throw new Error("the bare pod could not reach emoji");
      return found.status?.phase === "Succeeded" ? true : null;
    });
    const web = "web.emojivoto.serviceaccount.identity.linkerd.cluster.local";
    const inbound = await eventually("a request of web to emoji", 30_000, async () => {
      const out = await ok(cluster.linkerd(["diagnostics", "proxy-metrics", "-n", "emojivoto", "deploy/emoji"]));
      const lines = out
        .split("\n")
        .filter((line) => line.startsWith("request_total{") && line.includes('direction="inbound"'));
      return lines.some((line) => line.includes(`client_id="${web}"`)) ? lines : null;
    });
    expect(inbound.some((line) => line.includes('tls="true"') && line.includes(`client_id="${web}"`))).toBe(true);
    const plain = inbound.filter(
      (line) => line.includes('tls="no_identity"') || line.includes('no_tls_reason="no_tls_from_remote"'),
    );
    expect(plain.length).toBeGreaterThan(0);
    expect(plain.every((line) => !line.includes(`client_id="${web}"`))).toBe(true);
  });
});

/** TCP payloads from and to an IPv4 address, of a capture with Linux cooked headers (v1 or v2). */
function tcpPayloads(pcap: Buffer, peer: string): Buffer[] {
  const payloads: Buffer[] = [];
  const linkType = pcap.readUInt32LE(20);
  const linkHeader = linkType === 276 ? 20 : linkType === 113 ? 16 : 14;
  for (let at = 24; at + 16 <= pcap.length;) {
    const size = pcap.readUInt32LE(at + 8);
    const packet = pcap.subarray(at + 16 + linkHeader, at + 16 + size);
    at += 16 + size;
    if (packet.length < 40 || packet[0]! >> 4 !== 4 || packet[9] !== 6) continue;
    if (packet.subarray(12, 16).join(".") !== peer && packet.subarray(16, 20).join(".") !== peer) continue;
    const ipHeader = (packet[0]! & 15) * 4;
    const tcpHeader = (packet[ipHeader + 12]! >> 4) * 4;
    const payload = packet.subarray(ipHeader + tcpHeader, packet.readUInt16BE(2));
    if (payload.length > 0) payloads.push(payload);
  }
  return payloads;
}
