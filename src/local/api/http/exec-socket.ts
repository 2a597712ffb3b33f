/**
 * pods/NAME/exec over a WebSocket, subprotocols v4 and v5.channel.k8s.io: the first byte of a message names the channel.
 * v5 adds a message that closes a channel, which is how the end of stdin is told.
 */
import { errorChain } from "#lib/errors.ts";
import type { KubeObject } from "../../store/object.ts";
import type { ExecOptions, ExecResult, ExecSession, NodeExecutor } from "../executor.ts";
import { channelMessage } from "./socket-session.ts";
import type { SessionSocket, SocketSession } from "./socket-session.ts";

const stdin = 0;
const stdout = 1;
const stderr = 2;
const errors = 3;
const resize = 4;
const closeChannel = 255;

/** The Status that ends a session, as kubectl reads exit codes from it. */
export function execStatus(result: ExecResult): unknown {
  if (result.kind === "failed") {
    return { metadata: {}, status: "Failure", reason: "InternalError", message: result.message, code: 500 };
  }
  if (result.code === 0) return { metadata: {}, status: "Success" };
  return {
    metadata: {},
    status: "Failure",
    reason: "NonZeroExitCode",
    message: `command terminated with non-zero exit code: exit status ${result.code}`,
    details: { causes: [{ reason: "ExitCode", message: String(result.code) }] },
  };
}

export class ExecSocket implements SocketSession {
  private readonly executor: NodeExecutor;
  private readonly pod: KubeObject;
  private readonly options: ExecOptions;
  private session: ExecSession | null = null;
  private done = false;

  constructor(executor: NodeExecutor, pod: KubeObject, options: ExecOptions) {
    this.executor = executor;
    this.pod = pod;
    this.options = options;
  }

  open(socket: SessionSocket): void {
    const end = (result: ExecResult): void => {
      if (this.done) return;
      this.done = true;
      socket.send(channelMessage(errors, Buffer.from(JSON.stringify(execStatus(result)))));
      socket.close(1000, "");
    };
    try {
      this.session = this.executor.exec(this.pod, this.options, {
        stdout: (chunk) => {
          if (!this.done) socket.send(channelMessage(stdout, chunk));
        },
        stderr: (chunk) => {
          if (!this.done) socket.send(channelMessage(stderr, chunk));
        },
        end,
      });
    } catch (thrown) {
      // The handshake is over: the error travels as the session's result.
      end({ kind: "failed", message: errorChain(thrown) });
    }
  }

  message(data: Uint8Array): void {
    const body = data.subarray(1);
    switch (data[0]) {
      case stdin:
        if (this.options.stdin && body.length > 0) this.session?.stdin(body);
        break;
      case resize:
        this.resize(body);
        break;
      case closeChannel:
        if (body[0] === stdin) this.session?.closeStdin();
        break;
      default:
    }
  }

  drain(): void {}

  close(): void {
    if (!this.done) this.session?.cancel();
    this.done = true;
  }

  private resize(body: Uint8Array): void {
    try {
      const size = JSON.parse(Buffer.from(body).toString()) as { Width?: number; Height?: number };
      if (Number.isInteger(size.Width) && Number.isInteger(size.Height)) {
        this.session?.resize(Number(size.Width), Number(size.Height));
      }
    } catch {
      // A size that can't be read changes nothing.
    }
  }
}
