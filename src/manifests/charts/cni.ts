/** The chart `linkerd2-cni`. */
import { cniManifests } from "../install/cni.ts";
import { demand, Symbolic, text } from "../template/expression.ts";
import { helmRules, helmTemplate } from "../template/helm.ts";
import { cniRules, cniValues } from "../values/cni.ts";
import { symbolicValues } from "../values/symbolic.ts";
import { chartYaml, schemaText, templateHeader, valuesText, type ChartFiles } from "./chart.ts";
import { cniDescriptions } from "./descriptions.ts";

const name = "linkerd2-cni";

export function cniChart(version: string): ChartFiles {
  const values = symbolicValues(cniValues);
  const objects = cniManifests({
    values,
    namespace: new Symbolic<string>("text", "$.Release.Namespace"),
    createdBy: text`linkerd/helm ${values.linkerdVersion}`,
  });
  const rules = cniRules(values).flatMap(({ holds, message }) => demand(holds, message));
  return {
    name,
    files: {
      "Chart.yaml": chartYaml(
        name,
        version,
        "The CNI plugin of the mesh: redirects pods' traffic without rights of theirs",
      ),
      "values.yaml": valuesText(cniValues, {
        title: `The values of ${name} and their defaults.`,
        descriptions: cniDescriptions,
        changed: { linkerdVersion: version, cliVersion: `linkerd/helm ${version}` },
      }),
      "values.schema.json": schemaText(cniValues),
      "templates/_helpers.tpl": helmRules("linkerd.rules", rules),
      "templates/cni.yaml": helmTemplate(objects, templateHeader, "linkerd.rules"),
    },
  };
}
