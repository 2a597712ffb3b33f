/** Everything that is known of one request. */
import type { TapRow, WorkloadRef } from "#viz/web/view.ts";
import { latency } from "../format.ts";
import { Dialog } from "./dialog.tsx";

const end = ({ namespace, kind, name }: WorkloadRef): string =>
  kind === "address" ? name : `${kind} ${name} in ${namespace}`;

export function TapDetail({ row, onClose }: { row: TapRow; onClose: () => void }) {
  const facts: readonly (readonly [string, string | null])[] = [
    ["Method", row.method],
    ["Path", row.path],
    ["Authority", row.authority],
    ["From", end(row.from)],
    ["To", end(row.to)],
    ["Seen by", row.direction === "in" ? "the server's proxy" : "the client's proxy"],
    ["Mutual TLS", row.secured ? "yes" : "no"],
    [row.direction === "in" ? "Client" : "Server", row.peerId],
    ["Route", row.route === "" ? null : row.route],
    ["Status", row.status === null ? null : String(row.status)],
    ["gRPC status", row.end?.grpcStatus === null || row.end === null ? null : String(row.end.grpcStatus)],
    ["Reset", row.end?.reset === null || row.end === null ? null : `HTTP/2 error ${row.end.reset}`],
    ["Response began after", latency(row.latency)],
    ["Ended after", row.end === null ? "goes on" : latency(row.end.duration)],
    ["Response", row.end === null ? null : `${row.end.bytes} bytes`],
  ];
  return (
    <Dialog label="Request" onClose={onClose}>
      <h2>Request</h2>
      <dl class="facts">
        {facts.map(([title, value]) =>
          value === null ? null : (
            <div key={title}>
              <dt>{title}</dt>
              <dd>{value}</dd>
            </div>
          ),
        )}
      </dl>
    </Dialog>
  );
}
