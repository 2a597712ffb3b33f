/** Finds a pod's network namespace on the node by the pod's addresses: every runtime keeps a file for each namespace. */
import { readdirSync, statSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { MeshError } from "#lib/errors.ts";
import { inNetworkNamespace } from "#lib/net/network-namespace.ts";

/** Looks at most at so many files; a node has about 250 pods. */
const lookLimit = 2000;
/** The interface that runtimes let the network plugins make. */
const podInterface = "eth0";

export interface NamespaceAddresses {
  readonly path: string;
  /** The same for two files of one namespace. */
  readonly id: string;
  readonly addresses: ReadonlyArray<{ readonly on: string; readonly ip: string }>;
}

/**
 * Which of them is the pod's, or null. A pod with NET_ADMIN may give itself another pod's address, on an interface of its own
 * or on the usual one: the usual one counts, and of two that both have the address neither. Throws "conflict" then.
 */
export function chooseNamespace(all: readonly NamespaceAddresses[], ips: readonly string[]): string | null {
  const having = (fits: (on: string) => boolean): NamespaceAddresses[] => {
    const found = new Map<string, NamespaceAddresses>();
    for (const one of all) {
      if (one.addresses.some(({ on, ip }) => fits(on) && ips.includes(ip))) found.set(one.id, found.get(one.id) ?? one);
    }
    return [...found.values()];
  };
  const usual = having((on) => on === podInterface);
  const found = usual.length > 0 ? usual : having(() => true);
  if (found.length > 1) {
    throw new MeshError(
      "conflict",
      `The address "${ips.join(", ")}" is in ${found.length} network namespaces of this node, so that it is not known which is the pod's: ${found
        .slice(0, 4)
        .map(({ path }) => `"${path}"`)
        .join(", ")}`,
    );
  }
  return found[0]?.path ?? null;
}

function addressesHere(): NamespaceAddresses["addresses"] {
  return Object.entries(networkInterfaces()).flatMap(([on, addresses]) =>
    (addresses ?? []).map(({ address }) => ({ on, ip: address })),
  );
}

/** The path of the namespace that has one of the addresses, or null. Throws when the folder can't be read, or when two have. */
export function findNamespace(folder: string, ips: readonly string[]): string | null {
  let names: string[];
  try {
    names = readdirSync(folder).slice(0, lookLimit);
  } catch (cause) {
    throw new MeshError("environment", `Reading the node's network namespaces in "${folder}" failed`, { cause });
  }
  let failure: unknown = null;
  const all: NamespaceAddresses[] = [];
  for (const name of names) {
    const path = join(folder, name);
    try {
      const addresses = inNetworkNamespace(path, addressesHere);
      const { dev, ino } = statSync(path, { bigint: true });
      all.push({ path, id: `${dev} ${ino}`, addresses });
    } catch (thrown) {
      // Gone meanwhile, or the file of a namespace that was taken down: nobody's. Anything else is told when none is found.
      const code = (thrown as { code?: unknown }).code;
      if (code !== "not-found" && code !== "ENOENT") failure = thrown;
    }
  }
  const found = chooseNamespace(all, ips);
  if (found === null && failure !== null) {
    throw new MeshError("environment", `No network namespace in "${folder}" has the address "${ips.join(", ")}"`, {
      cause: failure,
    });
  }
  return found;
}
