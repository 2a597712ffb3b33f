/** `linkerd inject` and `linkerd uninject` on text: documents are edited in place, comments and order stay. */
import { isJsonObject, type JsonObject } from "../json.ts";
import type { Values } from "../values.ts";
import { editYaml } from "./edit-yaml.ts";
import { addToMetadata, injectPod } from "./inject-pod.ts";
import { applyAnnotations, unknownAnnotations } from "./annotations.ts";
import { injectAnnotation, opaquePortsAnnotation } from "./keys.ts";
import type { PatchOp } from "./pod.ts";
import { namedPorts } from "./ports.ts";
import { proxySettings } from "./settings.ts";
import { decideInjection, hasUdpPort, skipReasons, type SkipReason } from "./skip.ts";
import { uninjectPatch } from "./uninject.ts";
import { findPod, type FoundPod, isSupportedKind, kindOf, nameOf, namespaceOf } from "./workload.ts";

export interface InjectYamlOptions {
  /** Adds the containers instead of only the annotation that asks the webhook to. */
  readonly manual: boolean;
  /** Annotations of command-line flags: `{"config.linkerd.io/proxy-log-level": "debug"}`. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** `--ingress`: "ingress" instead of "enabled". */
  readonly ingress?: boolean;
  /** The installation's values; needed with `manual`, and to check annotations. */
  readonly values: Values;
  readonly controlPlaneNamespace: string;
  /** For `linkerd.io/created-by`: "linkerd/cli VERSION". */
  readonly createdBy: string;
  /** Where the text comes from, for messages: a path or "standard input". */
  readonly source: string;
}

/** What happened to one object. */
export interface InjectReport {
  /** In lower case; "" when the object has none. */
  readonly kind: string;
  readonly name: string;
  readonly outcome: "injected" | "annotated" | "skipped" | "uninjected";
  readonly reasons: readonly SkipReason[];
  readonly udp: boolean;
}

export interface EditedYaml {
  readonly yaml: string;
  readonly report: readonly InjectReport[];
  readonly warnings: readonly string[];
}

export function injectYaml(text: string, options: InjectYamlOptions): EditedYaml {
  const edited = edit(text, options.source, (object) => injectObject(object, options));
  return { ...edited, warnings: [...edited.warnings, ...summaryWarnings(edited.report)] };
}

export function uninjectYaml(text: string, source = "standard input"): EditedYaml {
  return edit(text, source, (object) => {
    const patch = uninjectPatch(object);
    const report = { kind: kindOf(object), name: nameOf(object), reasons: [], udp: false } as const;
    return { patch, report: { ...report, outcome: patch.length > 0 ? "uninjected" : "skipped" }, warnings: [] };
  });
}

function edit(text: string, source: string, change: (object: JsonObject) => Edit): EditedYaml {
  const report: InjectReport[] = [];
  const warnings: string[] = [];
  const yaml = editYaml(text, source, (object) => {
    const result = change(object);
    report.push(result.report);
    warnings.push(...result.warnings);
    return result.patch;
  });
  return { yaml, report, warnings };
}

interface Edit {
  readonly patch: readonly PatchOp[];
  readonly report: InjectReport;
  readonly warnings: readonly string[];
}

function injectObject(object: JsonObject, options: InjectYamlOptions): Edit {
  const kind = kindOf(object);
  const name = nameOf(object);
  const flags = options.annotations ?? {};
  const report = (
    outcome: InjectReport["outcome"],
    reasons: readonly SkipReason[] = [],
    udp = false,
  ): InjectReport => ({
    kind,
    name,
    outcome,
    reasons,
    udp,
  });
  const metadata = (isJsonObject(object["metadata"]) ? object["metadata"] : undefined) as
    | { annotations?: Record<string, string> }
    | undefined;
  const mark = { [injectAnnotation]: options.ingress === true ? "ingress" : "enabled" };
  if (kind === "namespace" && !options.manual) {
    const annotations = { ...flags, ...mark };
    return { patch: addToMetadata(metadata, { annotations }, ""), report: report("annotated"), warnings: [] };
  }
  if (kind === "service") {
    const ports = flags[opaquePortsAnnotation];
    if (ports === undefined) return { patch: [], report: report("skipped"), warnings: [] };
    const annotations = { [opaquePortsAnnotation]: ports };
    return { patch: addToMetadata(metadata, { annotations }, ""), report: report("annotated"), warnings: [] };
  }
  const found = findPod(object);
  if (found === null) {
    return { patch: [], report: report("skipped", ["unsupported_resource"]), warnings: [] };
  }
  const { pod, prefix } = found;
  const where = `${kind}/${name}`;
  const udp = hasUdpPort(pod.spec ?? {});
  const decision = decideInjection(pod, {
    namespaceAnnotations: {},
    origin: "cli",
    tokenProjection: options.values.identity.serviceAccountTokenProjection,
  });
  if (decision.skip.length > 0) {
    return { patch: [], report: report("skipped", decision.skip, udp), warnings: [] };
  }
  // A pod that asks for the ingress mode keeps asking for it.
  const marked = pod.metadata?.annotations?.[injectAnnotation] === "ingress";
  const patch = options.manual
    ? manualPatch(object, found, options)
    : addToMetadata(pod.metadata, { annotations: { ...flags, ...(marked ? {} : mark) } }, prefix);
  if (!options.manual) {
    // The webhook will read these; better to hear of a mistake now.
    const settings = proxySettings(options.values, options.controlPlaneNamespace);
    applyAnnotations(settings, { ...pod.metadata?.annotations, ...flags }, namedPorts(pod.spec ?? {}), where);
  }
  const warnings = unknownAnnotations(pod.metadata?.annotations ?? {}).map(
    ([annotation, hint]) =>
      `annotation "${annotation}" of ${where} is unknown${hint === null ? "" : `; did you mean "${hint}"?`}`,
  );
  return { patch, report: report("injected", [], udp), warnings };
}

function manualPatch(object: JsonObject, { pod, prefix }: FoundPod, options: InjectYamlOptions): readonly PatchOp[] {
  const kind = kindOf(object);
  const name = nameOf(object);
  const result = injectPod(
    pod,
    {
      values: options.values,
      controlPlaneNamespace: options.controlPlaneNamespace,
      origin: "cli",
      namespaceAnnotations: {},
      namespace: namespaceOf(object),
      owner: kind === "pod" ? null : { kind, name },
      createdBy: options.createdBy,
      object: `${kind}/${name}`,
      extraAnnotations: options.annotations ?? {},
      ingress: options.ingress === true,
    },
    prefix,
  );
  return result.kind === "injected" ? result.patch : [];
}

/** The warnings that gather several objects, in Linkerd's words. */
function summaryWarnings(report: readonly InjectReport[]): string[] {
  const having = (reason: SkipReason): string =>
    report
      .filter(({ reasons }) => reasons.includes(reason))
      .map(({ kind, name }) => `${kind}/${name}`)
      .join(", ");
  const warnings: string[] = [];
  const add = (names: string, sentence: (names: string) => string): void => {
    if (names !== "") warnings.push(sentence(names));
  };
  add(having("host_network_enabled"), (names) => `"hostNetwork: true" detected in ${names}`);
  add(having("sidecar_already_exists"), (names) => `known 3rd party sidecar detected in ${names}`);
  add(
    having("injection_disable_annotation_present"),
    (names) => `"${injectAnnotation}: disabled" annotation set on ${names}`,
  );
  add(
    having("invalid_inject_annotation_at_workload"),
    (names) =>
      `${skipReasons.invalid_inject_annotation_at_workload} ${names}; allowed is "enabled", "disabled" or "ingress"`,
  );
  add(
    having("disabled_automount_service_account_token_account"),
    (names) => `${skipReasons.disabled_automount_service_account_token_account} in ${names}`,
  );
  const udp = report.filter((entry) => entry.udp).map(({ kind, name }) => `${kind}/${name}`);
  if (udp.length > 0) warnings.push(`${udp.join(", ")} ${udp.length > 1 ? "use" : "uses"} "protocol: UDP"`);
  if (report.every(({ outcome, kind }) => outcome === "skipped" && !isSupportedKind(kind))) {
    warnings.push("no supported objects found");
  }
  return warnings;
}

/** The lines of `linkerd inject` on standard error, without glyphs: `deployment "web" injected`. */
export function reportLines(report: readonly InjectReport[]): string[] {
  return report.map(({ kind, name, outcome }) =>
    kind === "" ? 'document missing "kind" field, skipped' : `${kind} "${name}" ${outcome}`,
  );
}
