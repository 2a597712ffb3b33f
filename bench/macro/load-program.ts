/** The bench's own load and servers (go/load), built from its modules into the cache of e2e/kubernetes. */
import { join } from "node:path";
import { built } from "../../e2e/kubernetes/build.ts";
import { start, waitForPort } from "./process.ts";
import { echoPort, grpcPort, server } from "./world.ts";

/** The path of the program; built first when the cache has it not. */
export async function loadProgram(note: (text: string) => void): Promise<string> {
  const folder = join(import.meta.dir, "go/load");
  return await built({ name: "bench-load", folder, target: ".", ldflags: "" }, note);
}

/** gRPC and raw bytes on the server's host, until the bench ends or the function that it gives is called. */
export async function startServers(program: string): Promise<() => Promise<void>> {
  const grpc = start("gRPC server", [program, "grpc-server", String(grpcPort)], server);
  const bytes = start("bytes server", [program, "bytes-server", String(echoPort)], server);
  await waitForPort(server.namespace, grpcPort, grpc);
  await waitForPort(server.namespace, echoPort, bytes);
  return async () => {
    await grpc.stop();
    await bytes.stop();
  };
}
