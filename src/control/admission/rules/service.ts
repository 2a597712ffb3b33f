import type { Field } from "../field.ts";
import type { Rule } from "../rule.ts";
import { readPortList } from "#lib/port-list.ts";
import { warnOfServiceAnnotations } from "./traffic-annotations.ts";

/** Service (core): only warnings, for annotations of the mesh that don't say anything. */
export const checkService: Rule = ({ metadata, spec }) => {
  warnOfServiceAnnotations(metadata);
  const opaque = metadata.annotation("config.linkerd.io/opaque-ports");
  if (typeof opaque.value !== "string") return;
  const { invalid } = readPortList(opaque.value, portNames(spec));
  for (const part of invalid) opaque.warning(`"${part}" is neither a port nor a range of ports`);
};

function portNames(spec: Field): Record<string, number> {
  const names: Record<string, number> = {};
  if (!Array.isArray(spec.at("ports").value)) return names;
  for (const port of spec.at("ports").items()) {
    const [name, number] = [port.at("name").value, port.at("port").value];
    if (typeof name === "string" && typeof number === "number") names[name] = number;
  }
  return names;
}
