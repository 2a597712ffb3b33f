/** ConfigMaps and Secrets. */
import type { KubeObject } from "../../store/object.ts";
import type { StatusCause } from "../status-error.ts";
import { fieldForbidden, invalid, required, typeInvalid } from "../validation/causes.ts";
import { record, text } from "./strategy.ts";
import type { KindRules, Rec } from "./strategy.ts";

/** Bytes of all values of one object. */
const maxData = 1024 * 1024;

function checkKeys(data: Rec, field: string, causes: StatusCause[]): number {
  let size = 0;
  for (const [key, value] of Object.entries(data)) {
    if (!/^[-._a-zA-Z0-9]{1,253}$/.test(key) || key === "." || key === "..") {
      causes.push(
        invalid(`${field}[${key}]`, key, "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"),
      );
    }
    size += text(value).length;
  }
  return size;
}

function checkImmutable(
  object: KubeObject,
  previous: KubeObject | null,
  fields: readonly string[],
  causes: StatusCause[],
): void {
  if (previous?.["immutable"] !== true) return;
  if (object["immutable"] !== true)
    causes.push(fieldForbidden("immutable", "field is immutable when `immutable` is set"));
  for (const field of fields) {
    if (!Bun.deepEquals(object[field], previous[field]))
      causes.push(fieldForbidden(field, "field is immutable when `immutable` is set"));
  }
}

export const configMapRules: KindRules = {
  validate(object, previous, causes) {
    const size =
      checkKeys(record(object["data"]), "data", causes) + checkKeys(record(object["binaryData"]), "binaryData", causes);
    if (size > maxData)
      causes.push({
        reason: "FieldValueTooLong",
        field: "",
        message: `Too long: may not be more than ${maxData} bytes`,
      });
    checkImmutable(object, previous, ["data", "binaryData"], causes);
  },
};

const wantedKeys: Readonly<Record<string, readonly string[]>> = {
  "kubernetes.io/tls": ["tls.crt", "tls.key"],
  "kubernetes.io/dockerconfigjson": [".dockerconfigjson"],
  "kubernetes.io/dockercfg": [".dockercfg"],
  "kubernetes.io/ssh-auth": ["ssh-privatekey"],
};

function isBase64(value: unknown): boolean {
  return (
    typeof value === "string" &&
    /^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(value) &&
    value.replaceAll(/\s/g, "").length % 4 === 0
  );
}

export const secretRules: KindRules = {
  before(secret) {
    const plain = record(secret["stringData"]);
    delete secret["stringData"];
    if (Object.keys(plain).length === 0) return;
    const data: Rec = { ...record(secret["data"]) };
    for (const [key, value] of Object.entries(plain)) data[key] = Buffer.from(text(value)).toString("base64");
    secret["data"] = data;
  },
  validate(secret, previous, causes) {
    const data = record(secret["data"]);
    const size = checkKeys(data, "data", causes);
    if (size > (maxData * 4) / 3)
      causes.push({
        reason: "FieldValueTooLong",
        field: "data",
        message: `Too long: may not be more than ${maxData} bytes`,
      });
    for (const [key, value] of Object.entries(data)) {
      if (!isBase64(value)) causes.push(typeInvalid(`data[${key}]`, "<secret>", "must be base64"));
    }
    for (const key of wantedKeys[text(secret["type"])] ?? [])
      if (data[key] === undefined) causes.push(required(`data[${key}]`));
    if (previous !== null && previous["type"] !== secret["type"])
      causes.push(invalid("type", secret["type"], "field is immutable"));
    checkImmutable(secret, previous, ["data"], causes);
  },
};
