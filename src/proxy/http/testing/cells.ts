/** Metric cells that only count, for tests. */
import type { HttpCells, TransportCells } from "../ports.ts";

export class CountingTransport implements TransportCells {
  readBytes = 0;
  writtenBytes = 0;
  open = 0;
  total = 0;
  errors: string[] = [];
  opened(): void {
    this.open++;
    this.total++;
  }
  closed(error: { readonly code: string } | null): void {
    this.open--;
    if (error !== null) this.errors.push(error.code);
  }
}

export class CountingHttp implements HttpCells {
  requests = 0;
  readonly ends: Array<readonly [status: number, complete: boolean]> = [];
  readonly grpc: number[] = [];
  requestStarted(): void {
    this.requests++;
  }
  responseEnded(status: number, _latency: number, complete: boolean, grpcStatus: number): void {
    if (grpcStatus >= 0) this.grpc.push(grpcStatus);
    this.ends.push([status, complete]);
  }
}
