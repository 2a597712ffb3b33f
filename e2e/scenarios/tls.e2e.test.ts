/** What goes over the wire: TLS 1.3 and nothing else between meshed pods, plaintext from a pod without a mesh. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { resources } from "#kube/resource.ts";
import type { Pod } from "#kube/types/core.ts";
import { applyFile, emojivotoFile, installControlPlane, waitForDeployments } from "../../scripts/mesh.ts";
import { clusterKind, eventually, run, startCluster, toolboxImage, type TestCluster } from "../harness/cluster.ts";

const isRoot = process.getuid?.() === 0;
const canCapture = isRoot && Bun.which("tcpdump") !== null && clusterKind !== "given";

describe.skipIf(!canCapture)("traffic between pods", () => {
  let cluster: TestCluster;

  beforeAll(async () => {
    cluster = await startCluster("tls");
    await installControlPlane(cluster.client);
    await waitForDeployments(cluster.client, "linkerd", 60_000);
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

  /** Captures on all links of the node for `seconds`, new connections included, and gives tcpdump's own text of it. */
  async function capture(filter: string, seconds: number): Promise<Buffer> {
    const node = await cluster.nodePid();
    const file = `/tmp/linkerd-e2e-${process.pid}.pcap`;
    await run([
      "timeout",
      String(seconds),
      "nsenter",
      `--net=/proc/${node}/ns/net`,
      "tcpdump",
      "-i",
      "any",
      "-s",
      "0",
      "-U",
      "-w",
      file,
      filter,
    ]);
    const bytes = Buffer.from(await Bun.file(file).arrayBuffer());
    await run(["rm", "-f", file]);
    return bytes;
  }

  test("is TLS 1.3 only, with new connections of web to voting and emoji in the capture", async () => {
    const web = (await pod("emojivoto", "web")).status?.podIP ?? "";
    const voting = (await pod("emojivoto", "voting")).status?.podIP ?? "";
    const captured = capture(`tcp and host ${web} and host ${voting}`, 6);
    await Bun.sleep(1000);
    // New connections: the pooled ones were opened before the capture.
    await cluster.kubectl(["delete", "pod", "-n", "emojivoto", "-l", "app=vote-bot"]);
    const payloads = tcpPayloads(await captured);
    expect(payloads.length).toBeGreaterThan(10);
    expect(payloads.some((payload) => payload.includes("HTTP/1.1") || payload.includes("/api/"))).toBe(false);
    const starts = payloads.filter((payload) => payload[0] !== undefined);
    // Each segment that starts a record has a TLS record header; others continue one.
    const records = starts.filter((payload) => payload[0]! >= 20 && payload[0]! <= 23 && payload[1] === 3);
    expect(records.length).toBeGreaterThan(5);
    for (const hello of payloads.filter((payload) => payload[0] === 22 && payload[5] === 2)) {
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
    const { out } = await cluster.linkerd(["diagnostics", "proxy-metrics", "-n", "emojivoto", "deploy/emoji"]);
    const inbound = out
      .split("\n")
      .filter((line) => line.startsWith("request_total{") && line.includes('direction="inbound"'));
    const web = "web.emojivoto.serviceaccount.identity.linkerd.cluster.local";
    expect(inbound.some((line) => line.includes('tls="true"') && line.includes(`client_id="${web}"`))).toBe(true);
    const plain = inbound.filter(
      (line) => line.includes('tls="no_identity"') || line.includes('no_tls_reason="no_tls_from_remote"'),
    );
    expect(plain.length).toBeGreaterThan(0);
    expect(plain.every((line) => !line.includes(`client_id="${web}"`))).toBe(true);
  });
});

/** TCP payloads of a capture with Linux cooked headers (v1 or v2); IPv4 only. */
function tcpPayloads(pcap: Buffer): Buffer[] {
  const payloads: Buffer[] = [];
  const linkType = pcap.readUInt32LE(20);
  const linkHeader = linkType === 276 ? 20 : linkType === 113 ? 16 : 14;
  for (let at = 24; at + 16 <= pcap.length;) {
    const size = pcap.readUInt32LE(at + 8);
    const packet = pcap.subarray(at + 16 + linkHeader, at + 16 + size);
    at += 16 + size;
    if (packet.length < 40 || packet[0]! >> 4 !== 4 || packet[9] !== 6) continue;
    const ipHeader = (packet[0]! & 15) * 4;
    const tcpHeader = (packet[ipHeader + 12]! >> 4) * 4;
    const payload = packet.subarray(ipHeader + tcpHeader, packet.readUInt16BE(2));
    if (payload.length > 0) payloads.push(payload);
  }
  return payloads;
}
