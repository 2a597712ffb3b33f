/** https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#resources-that-support-set-based-requirements */
import type { Field } from "../field.ts";

const operators = ["In", "NotIn", "Exists", "DoesNotExist"];

export function checkSelector(selector: Field): void {
  if (!selector.object(["matchLabels", "matchExpressions"])) return;
  const labels = selector.at("matchLabels");
  if (labels.object()) for (const key of Object.keys(labels.value as object)) labels.at(key).text();
  for (const expression of selector.at("matchExpressions").objects()) {
    expression.at("key").required().text();
    const operator = expression.at("operator").required().oneOf(operators);
    const values = expression.at("values");
    const texts = values.items();
    for (const text of texts) text.text();
    const count = texts.length;
    if ((operator === "In" || operator === "NotIn") && count === 0) values.problem(`"${operator}" needs values`);
    if ((operator === "Exists" || operator === "DoesNotExist") && count > 0) {
      values.problem(`"${operator}" takes no values`);
    }
  }
}
