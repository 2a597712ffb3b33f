/** Who calls whom, of all namespaces or of one with its neighbours. */
import { useSearchParams } from "wouter-preact";
import type { TopologyView } from "#viz/web/view.ts";
import { Graph } from "../graph/graph.tsx";
import { asNamespaces } from "../graph/as-namespaces.ts";
import { useView } from "../live.ts";
import { Choice } from "../parts/choice.tsx";
import { EdgeTable } from "../parts/edge-table.tsx";
import { Legend } from "../parts/legend.tsx";
import { Message } from "../parts/message.tsx";
import { Page } from "../parts/page.tsx";

export function TopologyPage() {
  const [params, setParams] = useSearchParams();
  const namespace = params.get("namespace");
  const live = useView("topology", namespace === null ? {} : { namespace });
  return (
    <Page
      title={namespace === null ? "Topology" : `Topology of ${namespace}`}
      live={live}
      heading={
        <>
          <h1>Topology</h1>
          {namespace !== null && (
            <span class="chip">
              {namespace}
              <button type="button" aria-label="Show all namespaces" onClick={() => setParams({})}>
                ×
              </button>
            </span>
          )}
        </>
      }
    >
      {(view) => (
        <Topology
          view={view}
          namespace={namespace}
          level={params.get("level")}
          setLevel={(level) => setParams({ level }, { replace: true })}
        />
      )}
    </Page>
  );
}

/** Workloads that can still be read at once; more are shown as namespaces first. */
const readable = 40;

interface TopologyProps {
  readonly view: TopologyView;
  readonly namespace: string | null;
  /** What the address asks for. */
  readonly level: string | null;
  readonly setLevel: (level: string) => void;
}

function Topology({ view, namespace, level: asked, setLevel }: TopologyProps) {
  if (view.workloads.length === 0) {
    return (
      <Message title={namespace === null ? "Nothing is meshed yet" : `Nothing is meshed in namespace “${namespace}”`}>
        The topology shows workloads with a proxy and whom they call. To mesh a namespace:{" "}
        <code>kubectl annotate namespace {namespace ?? "NAME"} linkerd.io/inject=enabled</code>, then{" "}
        <code>kubectl rollout restart deployment -n {namespace ?? "NAME"}</code>.
      </Message>
    );
  }
  const small = namespace !== null || view.workloads.length <= readable;
  const level = asked === "namespaces" || asked === "workloads" ? asked : small ? "workloads" : "namespaces";
  return (
    <>
      {namespace === null && (
        <Choice
          label="What the graph shows"
          value={level}
          options={[
            ["namespaces", "Namespaces"],
            ["workloads", "Workloads"],
          ]}
          onChoose={setLevel}
        />
      )}
      <section class="card graph-card" aria-label="Graph">
        {level === "namespaces" ? (
          <Graph {...asNamespaces(view)} />
        ) : (
          <Graph workloads={view.workloads} edges={view.edges} />
        )}
        <Legend />
      </section>
      {view.omitted > 0 && (
        <p class="banner">{view.omitted} edges with little traffic are left out; choose a namespace to see them.</p>
      )}
      <section class="card" aria-label="Edges">
        <header class="card-head">
          <h2>Edges</h2>
          <span class="card-facts">as the callers measure them, last minute</span>
        </header>
        {view.edges.length === 0 ? (
          <p class="nothing">No calls in the last minute.</p>
        ) : (
          <EdgeTable label="Edges" edges={view.edges} side="none" />
        )}
      </section>
    </>
  );
}
