/**
 * The file tree that a container sees: the host's programs read-only, everything else its own.
 *
 * A real folder on the node's tmpfs is the container's writable layer. Top-level folders of the host are bound into it.
 * Where a mount has to appear inside a host folder (also one that the host doesn't have), that folder is "split": made
 * anew, its other children being links into a bind of the original under /.node. So nothing is ever created on the host.
 */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
  chmodSync,
} from "node:fs";
import { dirname, join } from "node:path";

/** Something to show at a path of the container. */
export interface RootMount {
  /** Absolute path inside the container. */
  readonly target: string;
  /** Absolute path on the node. */
  readonly source: string;
  readonly readOnly: boolean;
}

export interface HostEntry {
  readonly name: string;
  readonly kind: "folder" | "file" | "link";
  /** Where a link points. */
  readonly link: string;
}

/** What the plan needs to know of the host's tree. */
export interface HostTree {
  /** The children of a folder; empty when it isn't one. */
  entries(path: string): readonly HostEntry[];
  /** `path` with links in its longest existing prefix resolved. */
  resolve(path: string): string;
  isFolder(path: string): boolean;
}

/** What to create in the container's own layer and what to mount over it, parents before children. */
export interface RootPlan {
  readonly folders: string[];
  readonly links: Array<{ readonly path: string; readonly to: string }>;
  /** Empty files, to mount onto. */
  readonly files: string[];
  readonly binds: Array<{
    readonly source: string;
    readonly target: string;
    readonly recursive: boolean;
    readonly readOnly: boolean;
  }>;
}

/** Never the host's: the container has its own, at first empty. */
const own = new Set(["proc", "sys", "dev", "run", "tmp", "mnt", "media", "lost+found", ".node", ".linkerd", ".old"]);
/** Always split: programs expect to find and to make things directly in them. */
const alwaysSplit = ["/etc", "/var"];
const devices = ["null", "zero", "full", "random", "urandom", "tty"];

/**
 * Plans the tree. `mounts` may nest; `selfRoot` appears at /.linkerd, or with `selfFile` only that file of it: a compiled
 * program may be in a folder that nobody else may enter, and what else is there is no container's business.
 */
export function planRoot(
  host: HostTree,
  mounts: readonly RootMount[],
  selfRoot: string,
  selfFile: string | null = null,
): RootPlan {
  const plan: RootPlan = { folders: [], links: [], files: [], binds: [] };
  const targets = mounts.map((mount) => ({ ...mount, target: host.resolve(normalize(mount.target)) }));
  const within = (path: string): boolean => targets.some(({ target }) => target.startsWith(`${path}/`));
  const exactly = (path: string): boolean => targets.some(({ target }) => target === path);

  const split = (path: string): void => {
    plan.folders.push(path);
    for (const entry of host.entries(path)) {
      const child = `${path}/${entry.name}`;
      if (exactly(child)) continue;
      if (entry.kind === "link") plan.links.push({ path: child, to: entry.link });
      else if (within(child)) split(child);
      else plan.links.push({ path: child, to: `/.node${child}` });
    }
  };

  plan.folders.push(
    "/proc",
    "/sys",
    "/dev",
    "/dev/pts",
    "/dev/shm",
    "/run",
    "/run/lock",
    "/tmp",
    "/mnt",
    "/media",
    "/.node",
    "/.linkerd",
    "/.old",
  );
  for (const entry of host.entries("/")) {
    const path = `/${entry.name}`;
    if (own.has(entry.name) || exactly(path)) continue;
    if (entry.kind === "link") plan.links.push({ path, to: entry.link });
    else if (entry.kind === "folder" && (alwaysSplit.includes(path) || within(path))) {
      plan.folders.push(`/.node${path}`);
      plan.binds.push({ source: path, target: `/.node${path}`, recursive: true, readOnly: false });
      split(path);
    } else if (entry.kind === "folder") {
      plan.folders.push(path);
      plan.binds.push({ source: path, target: path, recursive: true, readOnly: false });
    }
  }
  if (selfFile === null) {
    plan.binds.push({ source: selfRoot, target: "/.linkerd", recursive: true, readOnly: false });
  } else {
    const target = `/.linkerd/${selfFile}`;
    plan.files.push(target);
    plan.binds.push({ source: join(selfRoot, selfFile), target, recursive: false, readOnly: true });
  }
  plan.binds.push({ source: "/sys", target: "/sys", recursive: true, readOnly: false });
  plan.binds.push({ source: "/dev/pts", target: "/dev/pts", recursive: true, readOnly: false });
  for (const device of devices) {
    plan.files.push(`/dev/${device}`);
    plan.binds.push({ source: `/dev/${device}`, target: `/dev/${device}`, recursive: false, readOnly: false });
  }
  plan.links.push(
    { path: "/dev/fd", to: "/proc/self/fd" },
    { path: "/dev/stdin", to: "/proc/self/fd/0" },
    { path: "/dev/stdout", to: "/proc/self/fd/1" },
    { path: "/dev/stderr", to: "/proc/self/fd/2" },
    { path: "/dev/ptmx", to: "pts/ptmx" },
  );
  for (const mount of targets.toSorted((a, b) => a.target.length - b.target.length)) {
    const outer = targets
      .filter(({ target }) => mount.target.startsWith(`${target}/`))
      .toSorted((a, b) => b.target.length - a.target.length)[0];
    // Inside another mount the place to mount on has to exist in that mount's source; see `applyPlan`.
    if (outer === undefined) {
      if (host.isFolder(mount.source)) plan.folders.push(mount.target);
      else plan.files.push(mount.target);
    }
    plan.binds.push({ source: mount.source, target: mount.target, recursive: false, readOnly: mount.readOnly });
  }
  return plan;
}

function normalize(path: string): string {
  return join("/", path).replace(/\/+$/, "") || "/";
}

/** The node's own file system. */
export const nodeTree: HostTree = {
  entries(path) {
    let names: string[];
    try {
      names = readdirSync(path);
    } catch {
      return [];
    }
    const entries: HostEntry[] = [];
    for (const name of names) {
      const child = join(path, name);
      // A child can vanish between the two calls.
      const stat = lstatSync(child, { throwIfNoEntry: false });
      if (stat === undefined) continue;
      if (stat.isSymbolicLink()) entries.push({ name, kind: "link", link: readlinkSync(child) });
      else entries.push({ name, kind: stat.isDirectory() ? "folder" : "file", link: "" });
    }
    return entries;
  },
  resolve(path) {
    const rest: string[] = [];
    let prefix = dirname(path);
    rest.unshift(path.slice(prefix === "/" ? 1 : prefix.length + 1));
    while (prefix !== "/" && !existsSync(prefix)) {
      const parent = dirname(prefix);
      rest.unshift(prefix.slice(parent === "/" ? 1 : parent.length + 1));
      prefix = parent;
    }
    return join(realpathSync(prefix), ...rest);
  },
  isFolder: (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true,
};

/** fstab writes blanks in octal. */
function escape(path: string): string {
  return path.replaceAll("\\", "\\134").replaceAll(" ", "\\040").replaceAll("\t", "\\011").replaceAll("\n", "\\012");
}

/** Creates the layer in the folder `root`. @returns the mounts as fstab lines, for `mount -a -T`. */
export function applyPlan(plan: RootPlan, root: string): string {
  const made = new Set<string>();
  const folder = (path: string): void => {
    if (path === "/" || made.has(path)) return;
    made.add(path);
    mkdirSync(root + path, { recursive: true, mode: 0o755 });
  };
  mkdirSync(root, { recursive: true, mode: 0o755 });
  for (const path of plan.folders) folder(path);
  for (const { path, to } of plan.links) {
    folder(dirname(path));
    symlinkSync(to, root + path);
  }
  for (const path of plan.files) {
    folder(dirname(path));
    writeFileSync(root + path, "");
  }
  chmodSync(`${root}/tmp`, 0o1777);
  const lines = [`proc ${escape(root)}/proc proc nosuid,nodev,noexec 0 0`];
  const mounted: Array<{ source: string; target: string }> = [];
  for (const bind of plan.binds) {
    const outer = mounted
      .filter(({ target }) => bind.target.startsWith(`${target}/`))
      .toSorted((a, b) => b.target.length - a.target.length)[0];
    if (outer !== undefined && !bind.target.startsWith("/.node/"))
      place(outer.source + bind.target.slice(outer.target.length), bind.source);
    mounted.push(bind);
    const options = `${bind.recursive ? "rbind" : "bind"}${bind.readOnly ? ",ro" : ""}`;
    lines.push(`${escape(bind.source)} ${escape(root + bind.target)} none ${options} 0 0`);
  }
  lines.push(`tmpfs ${escape(root)}/dev/shm tmpfs mode=1777,nosuid,nodev 0 0`);
  return `${lines.join("\n")}\n`;
}

/** Makes a place to mount `source` on, inside the source of an outer mount. */
function place(path: string, source: string): void {
  if (existsSync(path)) return;
  if (nodeTree.isFolder(source)) mkdirSync(path, { recursive: true });
  else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "");
  }
}
