/** The values of the chart `linkerd-crds`, by Linkerd's names. */
import { not, type Expressions } from "../template/expression.ts";
import { flag, group, type FieldType } from "./field.ts";
import type { ValueRule } from "./rules.ts";

export const crdValues = group({
  installGatewayAPI: flag(false),
  enableHttpRoutes: flag(true),
  enableTlsRoutes: flag(true),
  enableTcpRoutes: flag(true),
});

export type CrdValues = FieldType<typeof crdValues>;

export const crdRules = ({ installGatewayAPI }: Expressions<CrdValues>): ValueRule[] => [
  {
    holds: not(installGatewayAPI),
    message: `Value "installGatewayAPI" is true, but Gateway API's resources are not part of this; apply a release of https://github.com/kubernetes-sigs/gateway-api and leave it false`,
  },
];
