/** `linkerd local up|down|status|kubeconfig|logs|node`, and the process inside the sandbox. */
import { errorChain } from "#lib/errors.ts";
import { readCommand } from "./config.ts";
import { runCommand } from "./launcher/commands.ts";
import { runNode } from "./node-process.ts";

export async function main(argv: readonly string[]): Promise<number> {
  try {
    const command = readCommand(argv);
    if (command === null) return 0;
    if (command.kind === "node") return await runNode();
    if (command.kind === "remote-node") return await (await import("./remote/run.ts")).runRemoteNode(command, argv);
    return await runCommand(command);
  } catch (thrown) {
    process.stderr.write(`linkerd local: ${errorChain(thrown)}\n`);
    return 1;
  }
}
