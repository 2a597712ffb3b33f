import type { DescMessage, DescMethod, DescService, MessageInitShape, MessageShape } from "#rpc/protobuf/types.ts";
import type { SocketAddr } from "#lib/net/socket.ts";
import type { StreamWriter } from "./stream-writer.ts";

/** What a handler knows about a call. */
export interface CallContext {
  readonly remote: SocketAddr;
  /** The client's identities from its certificate; empty without TLS. */
  readonly peerNames: readonly string[];
  /** A request header; null when absent. */
  header(name: string): string | null;
  /** Runs when the client gave up, its deadline passed or the connection broke; not after an ordinary end. */
  onCancel(run: () => void): void;
}

/** A reply, or a promise of one. A thrown MeshError becomes the status; anything else INTERNAL, and a log line. */
export type UnaryHandler<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  context: CallContext,
) => MessageInitShape<O> | Promise<MessageInitShape<O>>;

/** Sets the stream up and returns; the writer lives on until `end` or `onCancel`. Errors as above. */
export type StreamHandlerOf<I extends DescMessage, O extends DescMessage> = (
  request: MessageShape<I>,
  context: CallContext,
  writer: StreamWriter<O>,
) => void;

type HandlerOf<M> = M extends {
  methodKind: "unary";
  input: infer I extends DescMessage;
  output: infer O extends DescMessage;
}
  ? UnaryHandler<I, O>
  : M extends {
        methodKind: "server_streaming";
        input: infer I extends DescMessage;
        output: infer O extends DescMessage;
      }
    ? StreamHandlerOf<I, O>
    : never;

/** A handler for each method of a generated service, by its name in lower camel case. */
export type Handlers<S extends DescService> = { readonly [K in keyof S["method"]]: HandlerOf<S["method"][K]> };

/** A method that the server answers. */
export interface Route {
  readonly method: DescMethod;
  readonly handler: (request: never, context: CallContext, writer: StreamWriter) => unknown;
}

/** A service with its handlers, for `createRpcServer`. */
export interface ServiceRoutes {
  readonly routes: ReadonlyMap<string, Route>;
}

/** Binds handlers to a generated service. */
export function implement<S extends DescService>(service: S, handlers: Handlers<S>): ServiceRoutes {
  const routes = new Map<string, Route>();
  for (const method of service.methods) {
    const handler = handlers[method.localName as keyof S["method"]] as unknown as Route["handler"];
    routes.set(`/${service.typeName}/${method.name}`, { method, handler });
  }
  return { routes };
}
