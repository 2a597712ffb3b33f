/** A pod's volumes on disk: made before its containers start, kept up to date while they run. */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import type { Clock } from "#lib/clock.ts";
import { MeshError } from "#lib/errors.ts";
import type { LocalClient } from "../api/client.ts";
import { resources } from "../api/resource-ref.ts";
import type { ConfigMap, Pod, Secret, Volume } from "../types.ts";
import type { Capacity, PodFacts, References } from "./environment.ts";
import { tokenNeeds, volumeFiles, volumeKind, type VolumeFiles } from "./volume-files.ts";

/** A token is renewed after this part of its life, as the kubelet does. */
const renewAfter = 0.8;

export function references(client: LocalClient, namespace: string): References {
  return {
    configMap: (name) => client.get<ConfigMap>(resources.configMaps, namespace, name),
    secret: (name) => client.get<Secret>(resources.secrets, namespace, name),
  };
}

export class PodVolumes {
  private readonly folder: string;
  private readonly client: LocalClient;
  private readonly clock: Clock;
  private readonly capacity: Capacity;
  private readonly written = new Map<string, string>();
  private readonly tokens = new Map<string, { token: string; renewAt: number }>();
  private generation = 0;

  constructor(options: { folder: string; client: LocalClient; clock: Clock; capacity: Capacity }) {
    this.folder = options.folder;
    this.client = options.client;
    this.clock = options.clock;
    this.capacity = options.capacity;
  }

  /** Where a volume is on the node. */
  path(volume: Volume): string {
    return volume.hostPath?.path ?? join(this.folder, volume.name);
  }

  /** Makes what is missing and brings contents up to date. Throws when something that is needed is not there. */
  async sync(pod: Pod, facts: PodFacts): Promise<void> {
    await this.renewTokens(pod);
    for (const volume of pod.spec.volumes ?? []) {
      const kind = volumeKind(volume);
      if (typeof kind !== "string") {
        throw new MeshError(
          "unimplemented",
          `Volume "${volume.name}": a local cluster has no volumes of type "${kind.unsupported}"`,
        );
      }
      if (kind === "emptyDir") this.emptyFolder(this.path(volume), pod);
      else if (kind === "hostPath") {
        if (!existsSync(this.path(volume)))
          throw new MeshError("not-found", `hostPath "${this.path(volume)}" does not exist`);
      } else this.write(pod, facts, volume);
    }
  }

  /** When a token has to be renewed next, ms since 1970; infinity when there is none. */
  get renewAt(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...[...this.tokens.values()].map((entry) => entry.renewAt));
  }

  private async renewTokens(pod: Pod): Promise<void> {
    for (const need of tokenNeeds(pod)) {
      const key = `${need.volume}/${need.path}`;
      const now = this.clock.wall();
      const existing = this.tokens.get(key);
      if (existing !== undefined && existing.renewAt > now) continue;
      const { token } = await this.client.createToken(
        pod.metadata.namespace ?? "",
        pod.spec.serviceAccountName ?? "default",
        {
          ...(need.audience === null ? {} : { audiences: [need.audience] }),
          lifetime: need.lifetime,
          pod: { name: pod.metadata.name, uid: pod.metadata.uid },
        },
      );
      this.tokens.set(key, { token, renewAt: now + need.lifetime * 1000 * renewAfter });
    }
  }

  private emptyFolder(path: string, pod: Pod): void {
    if (existsSync(path)) return;
    mkdirSync(path, { recursive: true });
    // Every user of the pod may write, as with Kubernetes.
    chmodSync(path, 0o777);
    const group = pod.spec.securityContext?.fsGroup;
    if (group === undefined) return;
    try {
      chownSync(path, 0, group);
      chmodSync(path, 0o2777);
    } catch {
      // A user namespace with one user has no such group; the folder is open to all anyway.
    }
  }

  private write(pod: Pod, facts: PodFacts, volume: Volume): void {
    const tokens = new Map<string, string>();
    for (const [key, { token }] of this.tokens) {
      if (key.startsWith(`${volume.name}/`)) tokens.set(key.slice(volume.name.length + 1), token);
    }
    const files = volumeFiles(volume, {
      pod,
      facts,
      references: references(this.client, pod.metadata.namespace ?? ""),
      capacity: this.capacity,
      tokens,
    });
    const digest = digestOf(files);
    if (this.written.get(volume.name) === digest) return;
    writeAtomically(this.path(volume), files, ++this.generation);
    this.written.set(volume.name, digest);
  }
}

function digestOf(files: VolumeFiles): string {
  const hash = new Bun.CryptoHasher("sha256");
  for (const [path, { data, mode }] of files) hash.update(`${path}\0${mode}\0${data.length}\0`).update(data);
  return hash.digest("hex");
}

/**
 * Shows new contents all at once, as the kubelet does: files are in a folder of this generation, "..data" points to it,
 * and every entry of the volume is a link through "..data". Replacing that one link switches all files.
 */
export function writeAtomically(folder: string, files: VolumeFiles, generation: number): void {
  const version = `..${generation}`;
  mkdirSync(join(folder, version), { recursive: true });
  const tops = new Set<string>();
  for (const [path, { data, mode }] of files) {
    const target = join(folder, version, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, data);
    chmodSync(target, mode);
    tops.add(path.split("/", 1)[0] ?? path);
  }
  const pointer = join(folder, "..data");
  const before = existsSync(pointer) ? readlinkSync(pointer) : null;
  symlinkSync(version, `${pointer}_new`);
  renameSync(`${pointer}_new`, pointer);
  for (const name of readdirSync(folder)) if (!name.startsWith("..") && !tops.has(name)) rmSync(join(folder, name));
  for (const name of tops) if (!existsSync(join(folder, name))) symlinkSync(join("..data", name), join(folder, name));
  if (before !== null && before !== version) rmSync(join(folder, before), { recursive: true, force: true });
}
