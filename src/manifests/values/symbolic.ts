/** The values as the chart's templates see them: each leaf the path by which Helm finds it. */
import type { Json } from "../json.ts";
import { Symbolic, type Expressions } from "../template/expression.ts";
import type { Field } from "./field.ts";

export function symbolicValues<T extends Json>(field: Field<T>, path = "$.Values"): Expressions<T> {
  return symbols(field, path) as Expressions<T>;
}

function symbols({ shape }: Field<Json>, path: string): unknown {
  if (shape.kind === "leaf") {
    return new Symbolic(shape.symbol, shape.numeric === true ? `(toString ${path})` : path);
  }
  const members = Object.entries(shape.members).map(([name, member]) => {
    const at = /^\w+$/.test(name) ? `${path}.${name}` : `(index ${path} ${JSON.stringify(name)})`;
    return [name, symbols(member, at)] as const;
  });
  return Object.fromEntries(members);
}
