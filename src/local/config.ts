/** The only reader of flags and environment of `linkerd local`. */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { MeshError } from "#lib/errors.ts";
import { stateRoot } from "./launcher/state-dir.ts";

export type LocalCommand =
  | {
      readonly kind: "up";
      readonly name: string;
      readonly port: number;
      readonly persist: boolean;
      readonly detach: boolean;
      readonly logLevel: string;
    }
  | { readonly kind: "down" | "status" | "kubeconfig"; readonly name: string }
  | { readonly kind: "logs"; readonly name: string; readonly follow: boolean }
  /** Inside the sandbox. */
  | { readonly kind: "node" }
  | RemoteNodeCommand;

/** A node of another cluster's API server. */
export interface RemoteNodeCommand {
  readonly kind: "remote-node";
  readonly kubeconfig: string;
  /** Folder for pods' files and logs. */
  readonly folder: string;
  /** Port of the node's HTTPS server. Default 10250. */
  readonly port: number;
  /** Authority of who may use that port. */
  readonly clientCaFile: string;
  /** Certificate and key for that port; null: made up. */
  readonly certFile: string | null;
  readonly keyFile: string | null;
  readonly clusterDomain: string;
  readonly logLevel: string;
  /** Already in a mount namespace of its own. */
  readonly inside: boolean;
}

/** The folder that holds one folder per cluster. */
export function configuredStateRoot(): string {
  return stateRoot(process.env, process.getuid?.() === 0);
}

interface RemoteFlags extends Omit<RemoteNodeCommand, "kind" | "certFile" | "keyFile"> {
  readonly tlsCertFile?: string;
  readonly tlsPrivateKeyFile?: string;
}

function port(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 65535)
    throw new InvalidArgumentError("Use a port from 0 to 65535; 0 takes a free one.");
  return value;
}

/** Null when only help was asked for (and printed). */
export function readCommand(argv: readonly string[]): LocalCommand | null {
  if (argv[0] === "_node") return { kind: "node" };
  let command: LocalCommand | null = null;
  const program = new Command("linkerd local")
    .description("A small Kubernetes-compatible cluster on this machine")
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  const add = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .exitOverride()
      .configureOutput({ writeErr: () => {} })
      .addOption(new Option("--name <name>", "name of the cluster").default("default"));
  add("up", 'Start the cluster; it ends with this command, or with "down" when started with --detach')
    .addOption(
      new Option("--port <port>", "port of the API server on 127.0.0.1; 0 takes a free one").default(0).argParser(port),
    )
    .addOption(new Option("--persist", "keep the cluster's objects for the next start").default(false))
    .addOption(new Option("-d, --detach", "run in the background").default(false))
    .addOption(new Option("--log-level <filter>", "what the cluster's own log has").default("info"))
    .action((options: { name: string; port: number; persist: boolean; detach: boolean; logLevel: string }) => {
      command = { kind: "up", ...options };
    });
  add("down", "Stop the cluster and clean up").action(({ name }: { name: string }) => {
    command = { kind: "down", name };
  });
  add("status", "Say whether the cluster runs and where").action(({ name }: { name: string }) => {
    command = { kind: "status", name };
  });
  add("kubeconfig", "Print the path of the cluster's kubeconfig file").action(({ name }: { name: string }) => {
    command = { kind: "kubeconfig", name };
  });
  add("logs", "Print the cluster's own log")
    .addOption(new Option("-f, --follow", "go on printing").default(false))
    .action((options: { name: string; follow: boolean }) => {
      command = { kind: "logs", ...options };
    });
  program
    .command("node")
    .description(
      "Be the node of another API server, in this network namespace (which it takes over) until it is stopped",
    )
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
    .requiredOption("--kubeconfig <path>", "an administrator's kubeconfig of that API server")
    .requiredOption("--folder <path>", "folder for pods' files and logs")
    .requiredOption("--client-ca-file <path>", "authority of the certificates that may use the node's port")
    .addOption(new Option("--port <port>", "port of the node's HTTPS server").default(10250).argParser(port))
    .option("--tls-cert-file <path>", "certificate for that port")
    .option("--tls-private-key-file <path>", "its key")
    .option("--cluster-domain <domain>", "domain of Services' names", "cluster.local")
    .option("--log-level <filter>", "what is logged", "info")
    .addOption(new Option("--inside").default(false).hideHelp())
    .action((options: RemoteFlags) => {
      const { tlsCertFile = null, tlsPrivateKeyFile = null, ...rest } = options;
      command = { kind: "remote-node", certFile: tlsCertFile, keyFile: tlsPrivateKeyFile, ...rest };
    });
  try {
    program.parse(argv, { from: "user" });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.code === "commander.helpDisplayed") return null;
    if (thrown.code === "commander.help") {
      process.stderr.write(program.helpInformation());
      throw new MeshError("invalid-argument", "Name what to do: up, down, status, kubeconfig, logs or node", {
        cause: thrown,
      });
    }
    throw new MeshError("invalid-argument", thrown.message.replace(/^error: /, ""), { cause: thrown });
  }
  return command;
}
