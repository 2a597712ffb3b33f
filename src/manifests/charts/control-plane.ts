/** The chart `linkerd-control-plane`: the parts of `install.ts`, rendered with values that only Helm will know. */
import { controlPlaneParts } from "../install.ts";
import type { InstallContext } from "../install/labels.ts";
import { Demand, demand, Symbolic, text } from "../template/expression.ts";
import { helmRules, helmTemplate } from "../template/helm.ts";
import { highAvailabilityLayer } from "../values.ts";
import { controlPlaneValues } from "../values/control-plane.ts";
import { ignoredValues, valueRules } from "../values/rules.ts";
import { symbolicValues } from "../values/symbolic.ts";
import { chartYaml, schemaText, templateHeader, valuesText, type ChartFiles } from "./chart.ts";
import { controlPlaneDescriptions } from "./descriptions.ts";

const name = "linkerd-control-plane";

export function controlPlaneChart(version: string): ChartFiles {
  const values = symbolicValues(controlPlaneValues);
  const context: InstallContext = {
    values,
    namespace: new Symbolic<string>("text", "$.Release.Namespace"),
    createdBy: text`linkerd/helm ${values.linkerdVersion}`,
  };
  const parts = controlPlaneParts(context, new Symbolic<string>("text", `(include "linkerd.config" $)`));
  const rules = [
    ...valueRules(values).flatMap(({ holds, message }) => demand(holds, message)),
    ...Object.values(parts).flatMap((trees) => trees.filter((tree) => tree instanceof Demand)),
  ];
  const files: Record<string, string> = {
    "Chart.yaml": chartYaml(
      name,
      version,
      "The control plane of the mesh: identity, destination, policy, proxy-injector",
    ),
    "values.yaml": valuesText(controlPlaneValues, {
      title: `The values of ${name} and their defaults.`,
      descriptions: controlPlaneDescriptions,
      changed: { linkerdVersion: version, cliVersion: `linkerd/helm ${version}` },
    }),
    "values-ha.yaml": valuesText(highAvailabilityLayer, {
      title: "High availability: three replicas on different hosts, requests and limits, webhooks that fail closed.",
      descriptions: {},
    }),
    "values.schema.json": schemaText(controlPlaneValues),
    "templates/_helpers.tpl": `${helpers}${helmRules("linkerd.rules", rules)}`,
    "templates/NOTES.txt": notes(),
  };
  for (const [part, trees] of Object.entries(parts)) {
    files[`templates/${part}.yaml`] = helmTemplate(trees, templateHeader, "linkerd.rules");
  }
  return { name, files };
}

/** The two templates that are written by hand, because they loop over what nobody knows here. */
const helpers = `{{- /* ${templateHeader} */ -}}
{{- define "linkerd.lines" -}}
{{- range $name, $value := . }}{{ $name }}={{ $value }}
{{ end }}
{{- end }}
{{- define "linkerd.config" -}}
{{- $values := omit (deepCopy .Values) "global" }}
{{- $_ := set $values.identity.issuer.tls "keyPEM" "" }}
{{- $_ := set $values.proxyInjector "keyPEM" "" }}
{{- $_ := set $values.profileValidator "keyPEM" "" }}
{{- $_ := set $values.policyValidator "keyPEM" "" }}
{{- $_ := set $values "identityTrustDomain" (default $values.clusterDomain $values.identityTrustDomain) }}
{{- toYaml $values }}
{{- end }}
`;

function notes(): string {
  const ignored = ignoredValues.map(({ path, why }) => `  ${path}: ${why}`);
  return [
    "The control plane of the mesh is installed in namespace {{ .Release.Namespace }}.",
    "",
    "Look at it:        linkerd check",
    "Add a namespace:   kubectl annotate namespace NAME linkerd.io/inject=enabled, then restart its workloads",
    "",
    "These values are taken and have no effect:",
    ...ignored,
    "",
  ].join("\n");
}
