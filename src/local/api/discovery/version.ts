/** GET /version. */

/** The Kubernetes minor version whose API is followed. */
const minor = "34";

export function versionDocument(): Record<string, string> {
  return {
    major: "1",
    minor,
    gitVersion: `v1.${minor}.0+linkerd-local`,
    gitCommit: "0000000000000000000000000000000000000000",
    gitTreeState: "clean",
    buildDate: "2026-01-01T00:00:00Z",
    goVersion: "none",
    compiler: "bun",
    platform: `${process.platform}/${process.arch === "x64" ? "amd64" : process.arch}`,
  };
}
