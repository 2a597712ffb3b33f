/** What is rendered, as tools of others judge it: kubeconform by Kubernetes' own schemas, checkov by its rules for safety. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDocument } from "yaml";
import { renderCni, resolveCniValues } from "../cni.ts";
import { renderCrds } from "../crds.ts";
import { renderControlPlane } from "../install.ts";
import { installedKindsOfOthers } from "../installed-kinds.ts";
import type { Json, JsonObject } from "../json.ts";
import { testCerts, testIssuer, testValues } from "../testing/fixtures.ts";
import { hasTool, toolPath } from "../testing/helm.ts";
import { kindsOf, writeSchemas } from "../testing/kubernetes-schemas.ts";
import { highAvailabilityLayer } from "../values.ts";
import { toYaml } from "../yaml.ts";

const config = join(import.meta.dir, "../../../charts/checkov.yaml");
const swagger = "kubernetes-openapi.json";
let folder = "";

const controlPlane = (...layers: Json[]): JsonObject[] =>
  renderControlPlane(testValues(testIssuer, ...layers), { namespace: "linkerd", createdBy: "test", overrides: {} });
const operators = {
  podMonitor: { enabled: true },
  certManager: { enabled: true },
  identity: { externalCA: true, issuer: { scheme: "kubernetes.io/tls" } },
};
const cni = (layer: Json): JsonObject[] =>
  renderCni(resolveCniValues({ linkerdVersion: "v1" }, layer), { createdBy: "test" });

const renderings: Record<string, JsonObject[]> = {
  default: controlPlane(),
  "high-availability": controlPlane(highAvailabilityLayer),
  "cni-enabled": controlPlane({ cniEnabled: true }),
  "ordinary-sidecars": controlPlane({ proxy: { nativeSidecar: false, waitBeforeExitSeconds: 5 } }),
  "given-certificates": controlPlane(testCerts),
  operators: controlPlane(operators),
  everything: controlPlane({
    priorityClassName: "system-cluster-critical",
    runtimeClassName: "x",
    tolerations: [{ key: "a", operator: "Exists" }],
    imagePullSecrets: [{ name: "x" }],
    configReaders: [{ name: "web", namespace: "viz" }],
    commonLabels: { team: "mesh" },
    proxy: {
      gid: 2102,
      tracing: {
        enabled: true,
        collector: { endpoint: "c:4317", meshIdentity: { serviceAccountName: "c", namespace: "t" } },
      },
    },
  }),
  crds: renderCrds({ controlPlaneNamespace: "linkerd", createdBy: "test" }),
  cni: cni({}),
  "cni-without-repair": cni({ repairController: { enabled: false } }),
};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "linkerd-manifests-"));
  for (const [name, objects] of Object.entries(renderings))
    writeFileSync(join(folder, `${name}.yaml`), toYaml(objects));
  if (hasTool(swagger)) {
    writeSchemas(toolPath(swagger), join(folder, "schemas"), kindsOf(Object.values(renderings).flat()));
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(command: string, ...words: string[]): Promise<{ code: number; out: string }> {
  const child = Bun.spawn([command, ...words], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, problem] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out: out + problem };
}

describe("kubeconform", () => {
  const tool = test.skipIf(!hasTool("kubeconform") || !hasTool(swagger));
  tool.each(Object.keys(renderings))("finds nothing wrong: %s", async (name) => {
    const schemas = join(folder, "schemas", "{{ .ResourceKind }}{{ .KindSuffix }}.json");
    const skipped = installedKindsOfOthers.map(({ kind }) => kind).join(",");
    const { code, out } = await run(
      toolPath("kubeconform"),
      ...["-strict", "-schema-location", schemas, "-skip", skipped, join(folder, `${name}.yaml`)],
    );
    expect(out).toBe("");
    expect(code).toBe(0);
  });

  tool("would find a member that the API does not know", async () => {
    const [first = {}] = controlPlane().filter(({ kind }) => kind === "Deployment");
    writeFileSync(
      join(folder, "wrong.yaml"),
      toYaml([{ ...first, spec: { ...(first["spec"] as JsonObject), replica: 1 } }]),
    );
    const schemas = join(folder, "schemas", "{{ .ResourceKind }}{{ .KindSuffix }}.json");
    const { code, out } = await run(
      toolPath("kubeconform"),
      ...["-strict", "-schema-location", schemas, join(folder, "wrong.yaml")],
    );
    rmSync(join(folder, "wrong.yaml"));
    expect(out).toContain("replica");
    expect(code).toBe(1);
  });
});

interface Reason {
  readonly check: string;
  readonly of: string;
  readonly why: string;
}

describe("checkov", () => {
  test.skipIf(!hasTool("checkov/bin/checkov"))(
    "finds nothing but what charts/checkov.yaml has a reason for",
    async () => {
      const { out } = await run(
        toolPath("checkov/bin/checkov"),
        ...["--framework", "kubernetes", "--compact", "--quiet", "--skip-download", "-o", "json", "-d", folder],
      );
      const { results } = JSON.parse(out) as {
        results: {
          failed_checks: Array<{ check_id: string; check_name: string; file_path: string; resource: string }>;
        };
      };
      const reasons = parseDocument(readFileSync(config, "utf8")).toJS() as Reason[];
      const unused = new Set(reasons);
      const unexplained: string[] = [];
      for (const { check_id, check_name, file_path, resource } of results.failed_checks) {
        const place = `${file_path.replace(/^\/(.*)\.yaml$/, "$1")}:${resource}`;
        const reason = reasons.find(({ check, of }) => check === check_id && new RegExp(of).test(place));
        if (reason === undefined) unexplained.push(`${check_id} ${place}: ${check_name}`);
        else unused.delete(reason);
      }
      expect(unexplained).toEqual([]);
      expect([...unused]).toEqual([]);
    },
    120_000,
  );
});
