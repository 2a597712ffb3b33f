import { KeySetError, readKeySet } from "#lib/jwt/key-set.ts";
import type { Field } from "../field.ts";
import type { Rule } from "../rule.ts";

/** JWTAuthentication (policy.linkerd-ts.dev): whose tokens, for whom, and by which keys. */
export const checkJwtAuthentication: Rule = ({ spec }) => {
  spec.object(["issuer", "audiences", "claims", "jwks", "jwksUri"]);
  filled(spec.at("issuer").required());
  const audiences = spec.at("audiences").required();
  texts(audiences);
  const names = new Set<string>();
  for (const claim of spec.at("claims").objects()) {
    claim.object(["name", "values"]);
    const name = filled(claim.at("name").required());
    texts(claim.at("values").required());
    if (name === null) continue;
    if (names.has(name)) claim.at("name").problem(`"${name}" is asked for twice; name all its values at once`);
    names.add(name);
  }
  const jwks = spec.at("jwks");
  const jwksUri = spec.at("jwksUri");
  if (jwks.present === jwksUri.present) spec.problem("needs either jwks or jwksUri");
  checkUri(jwksUri);
  const text = jwks.text();
  if (text === null) return;
  try {
    readKeySet(text);
  } catch (thrown) {
    if (!(thrown instanceof KeySetError)) throw thrown;
    jwks.problem(thrown.message);
  }
};

function checkUri(field: Field): void {
  const text = field.text();
  if (text === null) return;
  const url = URL.parse(text);
  if (url === null || url.protocol !== "https:" || text.length > 2048) {
    field.problem(`"${text.slice(0, 100)}" is not an address that begins with https://`);
  } else if (url.username !== "" || url.password !== "" || url.hash !== "") {
    field.problem("has a user, a password or a fragment");
  }
}

function texts(list: Field): void {
  if (list.present && list.items().length === 0) list.problem("is empty");
  for (const item of list.items()) filled(item);
}

function filled(field: Field): string | null {
  const text = field.text();
  if (text === "") field.problem("is empty");
  return text;
}
