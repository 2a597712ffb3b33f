/** `linkerd version`: of this executable, of the control plane, and of the proxies with --proxy. */
import { version as clientVersion } from "#lib/version.ts";
import type { Register } from "../shell.ts";

export interface VersionOptions {
  readonly short?: boolean;
  readonly client?: boolean;
  readonly proxy?: boolean;
  readonly namespace?: string;
}

export const register: Register = (parent, shell) => {
  parent
    .command("version")
    .description("Print the version of this executable and of the control plane")
    .option("--short", "print the version number(s) only")
    .option("--client", "print the client version only")
    .option("--proxy", "print the versions of the proxies and how many run each")
    .option("-n, --namespace <namespace>", "namespace of the proxies for --proxy (default: all)")
    .addHelpText(
      "after",
      `
Examples:
  linkerd version
  linkerd version --client --short        # for scripts: "0.1.0"
  linkerd version --proxy -n emojivoto    # which proxies still run an old version?`,
    )
    .action(
      shell.action<VersionOptions>(async (context, _args, options) => {
        const { out } = context.terminal;
        out(options.short === true ? `${clientVersion}\n` : `Client version: ${clientVersion}\n`);
        if (options.client === true) return;
        const { printServerVersions } = await import("../server-versions.ts");
        await printServerVersions(context, options);
      }),
    );
};
