import type { Target } from "../target.ts";
import { clientHello } from "./client-hello.ts";
import { hpack } from "./hpack.ts";
import { http1 } from "./http1.ts";
import { http2 } from "./http2.ts";
import { routing } from "./routing.ts";
import { transportHeader } from "./transport-header.ts";

export const targets: readonly Target[] = [http1, http2, hpack, clientHello, transportHeader, routing];
