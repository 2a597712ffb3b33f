/** AuthorizationPolicy, and the authentications that it refers to. */
import { crd } from "./definition.ts";
import { array, exactlyOne, group as groupName, kind, name, network, object, string } from "./schema.ts";

const group = "policy.linkerd.io";
const optionalNamespace = string({ maxLength: 253 });

export const authorizationPolicy = crd(
  { group, kind: "AuthorizationPolicy", plural: "authorizationpolicies", shortNames: ["authzpolicy"] },
  [
    {
      name: "v1alpha1",
      storage: true,
      spec: object({
        "targetRef*": object({ group: groupName(), "kind*": kind(), "name*": name }),
        "requiredAuthenticationRefs*": array(
          object({ group: groupName(), "kind*": kind(), "name*": name, namespace: optionalNamespace }),
        ),
      }),
    },
  ],
);

export const meshTlsAuthentication = crd(
  { group, kind: "MeshTLSAuthentication", plural: "meshtlsauthentications", shortNames: ["meshtlsauthn"] },
  [
    {
      name: "v1alpha1",
      storage: true,
      spec: object(
        {
          identities: array(string(), { minItems: 1 }),
          identityRefs: array(object({ group: groupName(), "kind*": kind(), name, namespace: optionalNamespace }), {
            minItems: 1,
          }),
        },
        exactlyOne("identities", "identityRefs"),
      ),
    },
  ],
);

export const networkAuthentication = crd(
  { group, kind: "NetworkAuthentication", plural: "networkauthentications", shortNames: ["netauthn", "networkauthn"] },
  [{ name: "v1alpha1", storage: true, spec: object({ "networks*": array(network, { minItems: 1 }) }) }],
);
