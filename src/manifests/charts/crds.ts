/** The chart `linkerd-crds`. Its objects are ordinary templates, so that an upgrade of the chart upgrades them. */
import { allCrds } from "../crds.ts";
import { demand, Symbolic, text } from "../template/expression.ts";
import { helmRules, helmTemplate } from "../template/helm.ts";
import { crdRules, crdValues } from "../values/crds.ts";
import { symbolicValues } from "../values/symbolic.ts";
import { chartYaml, schemaText, templateHeader, valuesText, type ChartFiles } from "./chart.ts";

const name = "linkerd-crds";

export function crdsChart(version: string): ChartFiles {
  const context = {
    controlPlaneNamespace: new Symbolic<string>("text", "$.Release.Namespace"),
    createdBy: text`linkerd/helm ${new Symbolic<string>("text", "$.Chart.AppVersion")}`,
  };
  const files: Record<string, string> = {
    "Chart.yaml": chartYaml(name, version, "The custom resources of the mesh; install it before linkerd-control-plane"),
    "values.yaml": valuesText(crdValues, {
      title: `The values of ${name} and their defaults.`,
      descriptions: {
        installGatewayAPI: "Gateway API's own resources come from elsewhere; true is refused.",
        enableHttpRoutes: "These three choose among Gateway API's resources: without them they mean nothing.",
      },
    }),
    "values.schema.json": schemaText(crdValues),
  };
  const rules = crdRules(symbolicValues(crdValues)).flatMap(({ holds, message }) => demand(holds, message));
  files["templates/_helpers.tpl"] = helmRules("linkerd.rules", rules);
  for (const { name: crd, make } of allCrds) {
    files[`templates/${crd}.yaml`] = helmTemplate([make(context)], templateHeader, "linkerd.rules");
  }
  return { name, files };
}
