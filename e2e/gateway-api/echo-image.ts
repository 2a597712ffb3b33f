/** The application of the suite's pods: a server that answers what it was asked, and a client that asks as it is told. */
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeImage } from "../kubernetes/archive.ts";
import { command } from "../kubernetes/command.ts";
import { conformanceProgram } from "./programs.ts";

/** As the suite's manifests name it; its pods never pull what the node has. */
export const echoImage = "registry.k8s.io/gateway-api/echo-advanced:v1.5.1";

/** Writes the image's archive to `file`. */
export async function writeEchoImage(file: string, note: (text: string) => void): Promise<void> {
  const root = `${file}.root`;
  const bin = join(root, "usr/local/bin");
  mkdirSync(bin, { recursive: true });
  mkdirSync(join(root, "tmp"), { mode: 0o1777 });
  for (const name of ["client", "server"] as const) {
    copyFileSync(await conformanceProgram(`gateway-api-${name}`, note), join(bin, name));
  }
  // The manifests name these two files for the port with TLS.
  await command(
    ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "2"].concat(
      ["-subj", "/CN=echo", "-addext", "subjectAltName=DNS:echo,DNS:echo-v1,DNS:echo-v2"],
      ["-keyout", "cert.key", "-out", "cert.crt"],
    ),
    { cwd: root },
  );
  writeFileSync(join(root, "cert.key"), readFileSync(join(root, "cert.key")), { mode: 0o644 });
  await writeImage(file, root, { name: echoImage, entrypoint: ["/usr/local/bin/server"] });
  rmSync(root, { recursive: true });
}
