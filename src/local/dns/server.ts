/** The cluster's name server, over UDP and TCP. */
import type { Log } from "#lib/log.ts";
import type { LocalClient } from "../api/client.ts";
import { resources } from "../api/resource-ref.ts";
import type { EndpointSlice, Service } from "../types.ts";
import { respond } from "./message.ts";
import { endpointLabel, Zone, type ZoneSource } from "./zone.ts";

const serviceLabel = "kubernetes.io/service-name";

/** Index of slices by Service, kept by a watch: a question must not list the cluster. */
class SliceIndex {
  private readonly byService = new Map<string, Map<string, EndpointSlice>>();
  private readonly stop: () => void;

  constructor(client: LocalClient) {
    this.stop = client.watch<EndpointSlice>(resources.endpointSlices, {}, ({ type, object, previous }) => {
      if (previous !== null) this.remove(previous);
      if (type === "DELETED") this.remove(object);
      else this.add(object);
    });
  }

  private key(slice: EndpointSlice): string {
    return `${slice.metadata.namespace}/${slice.metadata.labels?.[serviceLabel] ?? ""}`;
  }

  private add(slice: EndpointSlice): void {
    const key = this.key(slice);
    const slices = this.byService.get(key) ?? new Map<string, EndpointSlice>();
    slices.set(slice.metadata.name, slice);
    this.byService.set(key, slices);
  }

  private remove(slice: EndpointSlice): void {
    const slices = this.byService.get(this.key(slice));
    slices?.delete(slice.metadata.name);
    if (slices?.size === 0) this.byService.delete(this.key(slice));
  }

  get(namespace: string, service: string): readonly EndpointSlice[] {
    return [...(this.byService.get(`${namespace}/${service}`)?.values() ?? [])];
  }

  close(): void {
    this.stop();
  }
}

function sourceOf(client: LocalClient, index: SliceIndex): ZoneSource {
  return {
    service: (namespace, name) => client.get<Service>(resources.services, namespace, name),
    slices: (namespace, service) => index.get(namespace, service),
    namespaceExists: (name) => client.get(resources.namespaces, "", name) !== null,
    reverse(ip) {
      const names: string[] = [];
      for (const service of client.list<Service>(resources.services)) {
        const { name, namespace = "" } = service.metadata;
        if (service.spec.clusterIP === ip) names.push(`${name}.${namespace}`);
        if (service.spec.clusterIP !== "None") continue;
        for (const endpoint of index.get(namespace, name).flatMap((slice) => slice.endpoints ?? [])) {
          if (endpoint.addresses.includes(ip))
            names.push(`${endpointLabel(ip, endpoint.hostname)}.${name}.${namespace}`);
        }
      }
      return names;
    },
  };
}

/** A TCP connection's incomplete message has at most 65,535 bytes by its own length field. */
interface TcpState {
  pending: Buffer;
}

export async function startDns(options: {
  client: LocalClient;
  ip: string;
  clusterDomain: string;
  log: Log;
  port?: number;
}): Promise<{ readonly port: number; stop(): void }> {
  const { client, ip, clusterDomain, log } = options;
  const index = new SliceIndex(client);
  const zone = new Zone(sourceOf(client, index), clusterDomain);
  const answer = (query: Buffer, transport: "udp" | "tcp"): Buffer | null => {
    try {
      return respond(query, zone, clusterDomain, transport);
    } catch (thrown) {
      log.warn("A question could not be answered", {}, thrown);
      return null;
    }
  };
  const udp = await Bun.udpSocket({
    hostname: ip,
    port: options.port ?? 53,
    socket: {
      data(socket, query, port, address) {
        const response = answer(query, "udp");
        // A full send buffer drops the answer, as the network may; the asker asks again.
        if (response !== null) socket.send(response, port, address);
      },
    },
  });
  const tcp = Bun.listen<TcpState>({
    hostname: ip,
    port: udp.port,
    socket: {
      open(socket) {
        socket.data = { pending: Buffer.alloc(0) };
      },
      data(socket, chunk) {
        const state = socket.data;
        state.pending = Buffer.concat([state.pending, chunk]);
        while (state.pending.length >= 2) {
          const length = state.pending.readUInt16BE(0);
          if (state.pending.length < 2 + length) return;
          const response = answer(state.pending.subarray(2, 2 + length), "tcp");
          state.pending = state.pending.subarray(2 + length);
          if (response === null) continue;
          const prefix = Buffer.alloc(2);
          prefix.writeUInt16BE(response.length);
          socket.write(Buffer.concat([prefix, response]));
        }
      },
    },
  });
  return {
    port: udp.port,
    stop() {
      udp.close();
      tcp.stop(true);
      index.close();
    },
  };
}
