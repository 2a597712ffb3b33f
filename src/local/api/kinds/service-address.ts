/** Gives Services their ClusterIP and node ports. The Services in the store are the record of what is taken. */
import { containsIp, formatIp, parseCidr, parseIp } from "#lib/net-addr.ts";
import type { KubeObject } from "../../store/object.ts";
import type { Store } from "../../store/store.ts";
import { StatusError } from "../status-error.ts";
import { invalid, invalidObject } from "../validation/causes.ts";
import { record, records, text } from "./strategy.ts";
import type { Rec } from "./strategy.ts";

/** The low addresses are left to Services that name theirs ("kubernetes", DNS). */
const firstDynamic = 256;
const lowestNodePort = 30_000;
const highestNodePort = 32_767;

export class ServiceAddresses {
  private readonly store: Store;
  private readonly network: ReturnType<typeof parseCidr>;
  private readonly base: number;
  private readonly size: number;
  private next = firstDynamic;

  /** `cidr`: the Service network, IPv4, for example "10.96.0.0/12". */
  constructor(store: Store, cidr: string) {
    this.store = store;
    this.network = parseCidr(cidr);
    this.base = toNumber(parseIp(cidr.split("/")[0] ?? "") ?? new Uint8Array(4));
    this.size = 2 ** (32 - Number(cidr.split("/")[1] ?? 32));
  }

  /** Completes a Service in place, or refuses an address or port that is taken. */
  allocate(service: KubeObject, previous: KubeObject | null): void {
    const spec = record(service["spec"]);
    if (spec["type"] === "ExternalName") return;
    const others = this.store
      .list("services")
      .filter((other) => other.metadata.uid !== service.metadata.uid)
      .map((other) => record(other["spec"]));
    this.allocateAddress(service, spec, others, previous);
    this.allocatePorts(service, spec, others);
  }

  private allocateAddress(service: KubeObject, spec: Rec, others: Rec[], previous: KubeObject | null): void {
    const wanted = text(spec["clusterIP"]);
    if (wanted === "None" || (wanted !== "" && wanted === text(record(previous?.["spec"])["clusterIP"]))) return;
    const taken = new Set(others.map((other) => text(other["clusterIP"])));
    if (wanted === "") {
      const address = this.free(taken);
      spec["clusterIP"] = address;
      spec["clusterIPs"] = [address];
      return;
    }
    const bytes = parseIp(wanted);
    if (bytes === null || !containsIp(this.network, bytes)) {
      throw refused(
        service,
        "spec.clusterIPs",
        wanted,
        "failed to allocate IP: the provided IP is not in the valid range",
      );
    }
    if (taken.has(wanted))
      throw refused(service, "spec.clusterIPs", wanted, "failed to allocate IP: provided IP is already allocated");
  }

  private free(taken: ReadonlySet<string>): string {
    for (let tries = 0; tries < this.size; tries++) {
      const offset = this.next;
      this.next = this.next + 1 >= this.size - 1 ? firstDynamic : this.next + 1;
      const address = formatIp(toBytes(this.base + offset));
      if (offset % 256 !== 0 && offset % 256 !== 255 && !taken.has(address)) return address;
    }
    throw new StatusError("InternalError", "failed to allocate a serviceIP: range is full");
  }

  private allocatePorts(service: KubeObject, spec: Rec, others: Rec[]): void {
    if (spec["type"] !== "NodePort" && spec["type"] !== "LoadBalancer") {
      for (const port of records(spec["ports"])) delete port["nodePort"];
      return;
    }
    const key = (port: Rec): string => `${text(port["protocol"])}/${String(port["nodePort"])}`;
    const taken = new Set(others.flatMap((other) => records(other["ports"]).map(key)));
    for (const [index, port] of records(spec["ports"]).entries()) {
      if (port["nodePort"] === undefined || port["nodePort"] === 0) {
        for (let candidate = lowestNodePort; candidate <= highestNodePort; candidate++) {
          port["nodePort"] = candidate;
          if (!taken.has(key(port))) break;
        }
      } else if (taken.has(key(port))) {
        throw refused(service, `spec.ports[${index}].nodePort`, port["nodePort"], "provided port is already allocated");
      }
      taken.add(key(port));
    }
  }
}

function refused(service: KubeObject, field: string, value: unknown, why: string): StatusError {
  return invalidObject("", "Service", service.metadata.name, [invalid(field, value, why)]);
}

function toNumber(bytes: Uint8Array): number {
  return bytes.slice(-4).reduce((sum, byte) => sum * 256 + byte, 0);
}

function toBytes(value: number): Uint8Array {
  return Uint8Array.of((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}
