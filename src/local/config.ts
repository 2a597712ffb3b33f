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
  | { readonly kind: "node" };

/** The folder that holds one folder per cluster. */
export function configuredStateRoot(): string {
  return stateRoot(process.env, process.getuid?.() === 0);
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
  try {
    program.parse(argv, { from: "user" });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.code === "commander.helpDisplayed") return null;
    if (thrown.code === "commander.help") {
      process.stderr.write(program.helpInformation());
      throw new MeshError("invalid-argument", "Name what to do: up, down, status, kubeconfig or logs", {
        cause: thrown,
      });
    }
    throw new MeshError("invalid-argument", thrown.message.replace(/^error: /, ""), { cause: thrown });
  }
  return command;
}
