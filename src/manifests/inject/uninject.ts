/** Takes out what injection put in: containers, volumes, and the mesh's annotations and labels. */
import { isJsonObject, type JsonObject } from "../json.ts";
import {
  componentLabel,
  identityVolume,
  initContainer,
  injectAnnotation,
  podInfoVolume,
  proxyContainer,
  tokenVolume,
  validatorContainer,
} from "./keys.ts";
import { pointer, type PatchOp } from "./pod.ts";
import { annotatableKinds, findPod, kindOf } from "./workload.ts";

const ourContainers = [initContainer, proxyContainer, validatorContainer];
const ourVolumes = [identityVolume, tokenVolume, podInfoVolume, "linkerd-proxy-init-xtables-lock"];
/** Names of ours in annotations and labels: `linkerd.io/…`, `config.linkerd.io/…`, `config.alpha.linkerd.io/…`. */
const ourName = /^(?:linkerd\.io|config(?:\.alpha|\.beta)?\.linkerd\.io|viz\.linkerd\.io)\//;

/** The patch that makes an object as it was before; empty when nothing of ours is in it. */
export function uninjectPatch(object: JsonObject): PatchOp[] {
  const own = metadataPatch(object["metadata"], "");
  if (annotatableKinds.includes(kindOf(object))) return own;
  const found = findPod(object);
  if (found === null) return [];
  const { pod, prefix } = found;
  const spec = (pod.spec ?? {}) as JsonObject;
  return [
    ...(prefix === "" ? [] : own),
    ...metadataPatch(pod.metadata, prefix),
    ...removeFrom(spec, "initContainers", ourContainers, prefix),
    ...removeFrom(spec, "containers", [...ourContainers, "linkerd-debug"], prefix),
    ...removeFrom(spec, "volumes", ourVolumes, prefix),
  ];
}

function metadataPatch(metadata: unknown, prefix: string): PatchOp[] {
  if (!isJsonObject(metadata)) return [];
  const labels = isJsonObject(metadata["labels"]) ? metadata["labels"] : {};
  // The control plane's own pods keep theirs: selectors and the webhook depend on them.
  if (labels[componentLabel] !== undefined) return [];
  const patch: PatchOp[] = [];
  for (const set of ["annotations", "labels"] as const) {
    const members = isJsonObject(metadata[set]) ? metadata[set] : {};
    const names = Object.keys(members);
    const ours = names.filter(
      (name) => ourName.test(name) && !(name === injectAnnotation && members[name] === "disabled"),
    );
    if (ours.length === 0) continue;
    if (ours.length === names.length) patch.push({ op: "remove", path: `${prefix}/metadata/${set}` });
    else for (const name of ours) patch.push({ op: "remove", path: `${prefix}/metadata/${set}${pointer(name)}` });
  }
  const emptied = patch.filter(
    ({ path }) => path === `${prefix}/metadata/annotations` || path === `${prefix}/metadata/labels`,
  );
  // A pod template without metadata got some from us.
  const nothingLeft = patch.length > 0 && emptied.length === Object.keys(metadata).length;
  return nothingLeft ? [{ op: "remove", path: `${prefix}/metadata` }] : patch;
}

/** Removes list entries by name, from the end so that indexes stay right; an emptied list of init containers or volumes goes, too. */
function removeFrom(spec: JsonObject, list: string, names: readonly string[], prefix: string): PatchOp[] {
  const entries = Array.isArray(spec[list]) ? spec[list] : [];
  const ours = entries.flatMap((entry, index) =>
    isJsonObject(entry) && typeof entry["name"] === "string" && names.includes(entry["name"]) ? [index] : [],
  );
  if (ours.length === 0) return [];
  if (ours.length === entries.length && list !== "containers")
    return [{ op: "remove", path: `${prefix}/spec/${list}` }];
  return ours.toReversed().map((index) => ({ op: "remove", path: `${prefix}/spec/${list}/${index}` }));
}
