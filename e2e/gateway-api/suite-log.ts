/** What the suite printed, as results. */

/**
 * The suite's tests of meshes. All of them are wanted by name: the suite leaves out without a word what is of a feature that it
 * was not given, and its report leaves out tests whose features belong to no profile.
 */
export const meshTests = [
  "MeshBasic",
  "MeshConsumerRoute",
  "MeshFrontend",
  "MeshFrontendHostname",
  "MeshGRPCRouteWeight",
  "MeshHTTPRoute303Redirect",
  "MeshHTTPRoute307Redirect",
  "MeshHTTPRoute308Redirect",
  "MeshHTTPRouteBackendRequestHeaderModifier",
  "MeshHTTPRouteMatching",
  "MeshHTTPRouteNamedRule",
  "MeshHTTPRouteQueryParamMatching",
  "MeshHTTPRouteRedirectHostAndStatus",
  "MeshHTTPRouteRedirectPath",
  "MeshHTTPRouteRedirectPort",
  "MeshHTTPRouteRequestHeaderModifier",
  "MeshHTTPRouteRewritePath",
  "MeshHTTPRouteSchemeRedirect",
  "MeshHTTPRouteSimpleSameNamespace",
  "MeshHTTPRouteWeight",
  "MeshPorts",
  "MeshTrafficSplit",
] as const;

export interface SuiteResult {
  /** "pass", "fail" or "skip" of each test by its name. */
  readonly tests: ReadonlyMap<string, string>;
  /** Of each that failed: the parts that failed and the last reason that was given. */
  readonly reasons: ReadonlyMap<string, readonly string[]>;
}

/** Reads the output of a Go test program with -test.v. */
export function readSuiteLog(log: string): SuiteResult {
  const tests = new Map<string, string>();
  const reasons = new Map<string, string[]>();
  let current = "";
  const reasonsOf = (test: string): string[] => {
    const name = test.split("/")[1] ?? test;
    const list = reasons.get(name) ?? [];
    reasons.set(name, list);
    return list;
  };
  for (const line of log.split("\n")) {
    const turn = /^=== (?:RUN|CONT|NAME)\s+(\S+)/.exec(line);
    if (turn !== null) current = turn[1] ?? "";
    const end = /^\s*--- (PASS|FAIL|SKIP): (\S+) \(/.exec(line);
    if (end !== null) {
      const [, verdict = "", path = ""] = end;
      const [, name, ...part] = path.split("/");
      if (name !== undefined && part.length === 0) tests.set(name, verdict.toLowerCase());
      if (verdict === "FAIL" && part.length > 0) reasonsOf(path).push(`failed: ${part.join("/")}`);
    } else if (/not ready yet|distribution test failed|Fatal|panic|error/i.test(line) && current !== "") {
      const list = reasonsOf(current);
      list.push(line.trim().slice(0, 400));
      if (list.length > maxReasons) list.shift();
    }
  }
  for (const [name, verdict] of tests) if (verdict !== "fail") reasons.delete(name);
  return { tests, reasons };
}

/** Kept of a test; the last ones tell most. */
const maxReasons = 20;
