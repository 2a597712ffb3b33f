/** JWTAuthentication: tokens that AuthorizationPolicies may ask for. Ours, not Linkerd's. */
import { ageColumn, crd } from "./definition.ts";
import { extensionGroup } from "./fault-injection.ts";
import { array, exactlyOne, mapList, object, text } from "./schema.ts";

export const jwtAuthentication = crd(
  { group: extensionGroup, kind: "JWTAuthentication", plural: "jwtauthentications", categories: ["policy"] },
  [
    {
      name: "v1alpha1",
      storage: true,
      spec: object(
        {
          "issuer*": text(1, 1024),
          "audiences*": array(text(1, 1024), { minItems: 1, maxItems: 16 }),
          claims: mapList(
            ["name"],
            object({ "name*": text(1, 253), "values*": array(text(1, 1024), { minItems: 1, maxItems: 64 }) }),
            { maxItems: 16 },
          ),
          jwks: text(1, 65_536),
          jwksUri: text(9, 2048, { pattern: "^https://" }),
        },
        exactlyOne("jwks", "jwksUri"),
      ),
      columns: [{ name: "Issuer", type: "string", jsonPath: ".spec.issuer" }, ageColumn],
    },
  ],
);
