/** The flags that `install`, `upgrade` and `check --pre` share, and the layers of values that they make. */
import type { Command } from "commander";
import { MeshError } from "#lib/errors.ts";
import { highAvailabilityLayer, registryLayer } from "#manifests/values.ts";
import type { Json, JsonObject } from "#manifests/json.ts";
import type { Terminal } from "./globals.ts";
import { addValueFlags, deprecations, firstInstallFlags, installFlags, proxyFlags, valuesOf } from "./value-flags.ts";
import { addValuesOptions, readText, valuesLayers, type ValuesOptions } from "./values-layers.ts";

export interface InstallOptions extends ValuesOptions {
  readonly ha?: boolean;
  readonly registry?: string;
  readonly identityExternalIssuer?: boolean;
  readonly identityTrustAnchorsFile?: string;
  readonly identityIssuerCertificateFile?: string;
  readonly identityIssuerKeyFile?: string;
  readonly [flag: string]: unknown;
}

/** `first`: also what only a first installation may say. */
export function addInstallOptions(command: Command, first: boolean): Command {
  command
    .option("--ha", "three replicas on different hosts, with requests and limits, and webhooks that fail closed")
    .option("--registry <registry>", "image registry (also $LINKERD_DOCKER_REGISTRY)")
    .option("--identity-trust-anchors-file <file>", "PEM file of the trust anchors")
    .option("--identity-issuer-certificate-file <file>", "PEM file of the issuer's certificate")
    .option("--identity-issuer-key-file <file>", "PEM file of the issuer's key");
  if (first) {
    command.option(
      "--identity-external-issuer",
      "somebody else, such as cert-manager, keeps the issuer in a Secret of type kubernetes.io/tls",
    );
    addValueFlags(command, firstInstallFlags);
  }
  return addValuesOptions(addValueFlags(addValueFlags(command, installFlags), proxyFlags));
}

/** Everything the user said, lowest first: presets, flags, values files, --set. Notes about old flags go to stderr. */
export function installLayers(options: InstallOptions, terminal: Terminal): Json[] {
  const layers: Json[] = [];
  if (options.ha === true) layers.push(highAvailabilityLayer);
  const registry = options.registry ?? terminal.env["LINKERD_DOCKER_REGISTRY"] ?? "";
  if (registry !== "") layers.push(registryLayer(registry));
  for (const flags of [firstInstallFlags, installFlags, proxyFlags]) {
    layers.push(valuesOf(options, flags));
    for (const note of deprecations(options, flags)) terminal.err(`${note}\n`);
  }
  layers.push(trustLayer(options));
  layers.push(...valuesLayers(options));
  return layers;
}

function trustLayer(options: InstallOptions): JsonObject {
  const { identityTrustAnchorsFile, identityIssuerCertificateFile, identityIssuerKeyFile } = options;
  const layer: JsonObject = {};
  if (identityTrustAnchorsFile !== undefined) layer["identityTrustAnchorsPEM"] = readText(identityTrustAnchorsFile);
  const issuer: JsonObject = {};
  if ((identityIssuerCertificateFile === undefined) !== (identityIssuerKeyFile === undefined)) {
    throw new MeshError(
      "invalid-argument",
      "Pass --identity-issuer-certificate-file and --identity-issuer-key-file together: one is of no use without the other",
    );
  }
  if (identityIssuerCertificateFile !== undefined && identityIssuerKeyFile !== undefined) {
    issuer["tls"] = { crtPEM: readText(identityIssuerCertificateFile), keyPEM: readText(identityIssuerKeyFile) };
  }
  if (options.identityExternalIssuer === true) {
    if (issuer["tls"] !== undefined) {
      throw new MeshError(
        "invalid-argument",
        "With --identity-external-issuer the issuer is not given here; leave out --identity-issuer-certificate-file and -key-file",
      );
    }
    issuer["scheme"] = "kubernetes.io/tls";
  }
  if (Object.keys(issuer).length > 0) layer["identity"] = { issuer };
  return layer;
}
