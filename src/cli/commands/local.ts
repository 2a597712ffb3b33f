/** `linkerd local …`: shown here for help and completion; the program itself reads the words behind it. */
import { Command } from "commander";
import type { Register } from "../shell.ts";

export const register: Register = (parent) => {
  const local = new Command("local")
    .description("A small Kubernetes-compatible cluster on this machine (up, down, status, kubeconfig, logs)")
    .allowUnknownOption();
  for (const [name, description] of [
    ["up", "Start the cluster"],
    ["down", "Stop the cluster and clean up"],
    ["status", "Say whether it runs and where"],
    ["kubeconfig", "Print the path of its kubeconfig file"],
    ["logs", "Print its log"],
  ] as const) {
    local.command(name).description(description).allowUnknownOption();
  }
  parent.addCommand(local);
};
