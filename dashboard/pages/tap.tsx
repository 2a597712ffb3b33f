/** Live requests of a workload: one by one, or counted by kind. What is looked at stands in the address. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { useSearchParams } from "wouter-preact";
import type { TapBatch, TapRow } from "#viz/web/view.ts";
import { latency, percent } from "../format.ts";
import { unreachable } from "../live.ts";
import { Choice } from "../parts/choice.tsx";
import { Message } from "../parts/message.tsx";
import { Success } from "../parts/success.tsx";
import { Table, type Column } from "../parts/table.tsx";
import { TapDetail } from "../parts/tap-detail.tsx";
import { addRows, countRows, failed, type TopRow } from "../tap.ts";

const fields = ["namespace", "kind", "name", "method", "path", "authority"] as const;

type TapState =
  | { readonly state: "idle" }
  | { readonly state: "running"; readonly proxies: number | null; readonly dropped: number }
  | { readonly state: "ended"; readonly error: string };

export function TapPage() {
  const [params, setParams] = useSearchParams();
  const namespace = params.get("namespace") ?? "";
  const query = useMemo(() => {
    const asked = new URLSearchParams();
    for (const field of fields) if ((params.get(field) ?? "") !== "") asked.set(field, params.get(field) ?? "");
    if (!asked.has("kind")) asked.set("kind", asked.has("name") ? "deployment" : "namespace");
    return asked.toString();
  }, [params.toString()]);
  const [paused, setPaused] = useState(false);
  const [attempt, setAttempt] = useState(0);
  const { state, rows, kinds } = useTap(namespace === "" ? null : query, paused, attempt);
  const [detail, setDetail] = useState<TapRow | null>(null);
  const view = params.get("view") === "top" ? "top" : "requests";

  useEffect(() => {
    document.title = "Live requests · Linkerd";
  }, []);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const next = new URLSearchParams();
    for (const field of fields) {
      const value = form.get(field);
      if (typeof value === "string" && value.trim() !== "") next.set(field, value.trim());
    }
    if (view === "top") next.set("view", "top");
    setParams(next);
    setAttempt((before) => before + 1);
    setPaused(false);
  };
  return (
    <>
      <div class="heading">
        <h1>Live requests</h1>
        {state.state === "running" && (
          <span class={`pulse ${paused ? "partial" : "live"}`}>
            <span class="pulse-dot" aria-hidden="true" />
            {paused ? "Paused" : state.proxies === null ? "Opening" : `Live, ${state.proxies} proxies`}
            {state.dropped > 0 && `, ${state.dropped} left out`}
          </span>
        )}
      </div>
      <form class="card tap-form" onSubmit={submit} key={query}>
        <Field name="namespace" title="Namespace" value={namespace} hint="emojivoto" required />
        <Field name="kind" title="Kind" value={params.get("kind") ?? ""} hint="deployment" />
        <Field name="name" title="Name" value={params.get("name") ?? ""} hint="all" />
        <Field name="method" title="Method" value={params.get("method") ?? ""} hint="any" />
        <Field name="path" title="Path begins with" value={params.get("path") ?? ""} hint="/" />
        <Field name="authority" title="Authority" value={params.get("authority") ?? ""} hint="any" />
        <button type="submit" class="primary">
          Start
        </button>
      </form>
      {state.state === "idle" ? (
        <Message title="Which requests?">
          Name a namespace, and a workload if you like. Proxies tell their requests only while somebody looks.
        </Message>
      ) : (
        <>
          <div class="tap-tools">
            <Choice
              label="How requests are shown"
              value={view}
              options={[
                ["requests", "Requests"],
                ["top", "Top"],
              ]}
              onChoose={(next) =>
                setParams(
                  (before) => {
                    const after = new URLSearchParams(before);
                    if (next === "top") after.set("view", "top");
                    else after.delete("view");
                    return after;
                  },
                  { replace: true },
                )
              }
            />
            {state.state === "running" && (
              <button type="button" class="plain" aria-pressed={paused} onClick={() => setPaused(!paused)}>
                {paused ? "Go on" : "Pause"}
              </button>
            )}
          </div>
          {state.state === "ended" && (
            <p class="banner" role="alert">
              {state.error}{" "}
              <button type="button" class="plain" onClick={() => setAttempt((before) => before + 1)}>
                Start again
              </button>
            </p>
          )}
          <section class="card" aria-label="Requests">
            {rows.length === 0 ? (
              <p class="nothing tap-none">
                No requests yet. Pods that were made before viz was installed can't be looked into: restart them.
              </p>
            ) : view === "top" ? (
              <Table label="Top" columns={topColumns} rows={kinds} rowKey={({ key }) => key} orderName="top" />
            ) : (
              <Table label="Requests" columns={requestColumns(setDetail)} rows={rows} rowKey={({ key }) => key} />
            )}
          </section>
        </>
      )}
      {detail !== null && <TapDetail row={detail} onClose={() => setDetail(null)} />}
    </>
  );
}

function Field(props: { name: string; title: string; value: string; hint: string; required?: boolean }) {
  return (
    <label>
      {props.title}
      <input
        name={props.name}
        defaultValue={props.value}
        placeholder={props.hint}
        required={props.required === true}
        spellcheck={false}
        autocomplete="off"
      />
    </label>
  );
}

/** `query` null: nothing is looked at. While paused what comes is left out. */
function useTap(query: string | null, paused: boolean, attempt: number) {
  const [state, setState] = useState<TapState>({ state: "idle" });
  const [rows, setRows] = useState<readonly TapRow[]>([]);
  const [kinds, setKinds] = useState<readonly TopRow[]>([]);
  const hold = useRef(paused);
  hold.current = paused;
  useEffect(() => {
    setRows([]);
    setKinds([]);
    setState(query === null ? { state: "idle" } : { state: "running", proxies: null, dropped: 0 });
    if (query === null) return undefined;
    const counted = new Map<string, TopRow>();
    const source = new EventSource(`/api/tap?${query}`);
    source.addEventListener("message", (event: MessageEvent<string>) => {
      const batch = JSON.parse(event.data) as TapBatch;
      if (batch.error !== null) source.close();
      setState(
        batch.error === null
          ? { state: "running", proxies: batch.proxies, dropped: batch.dropped }
          : { state: "ended", error: batch.error },
      );
      if (hold.current || batch.rows.length === 0) return;
      countRows(counted, batch.rows);
      setRows((before) => addRows(before, batch.rows));
      setKinds([...counted.values()].toSorted((a, b) => b.count - a.count));
    });
    source.addEventListener("error", () => {
      // A tap that broke would begin anew: the user says whether it should.
      source.close();
      void whyEnded(`/api/tap?${query}`).then((error) => setState({ state: "ended", error }));
    });
    return () => source.close();
  }, [query, attempt]);
  return { state, rows, kinds };
}

/** A stream does not say why it was refused: asked for once more, the answer does. */
async function whyEnded(address: string): Promise<string> {
  const abort = new AbortController();
  try {
    const answer = await fetch(address, { signal: abort.signal });
    if (answer.ok) return "The connection was lost.";
    return ((await answer.json()) as { readonly error?: string }).error ?? unreachable;
  } catch {
    return unreachable;
  } finally {
    abort.abort();
  }
}

function requestColumns(onDetail: (row: TapRow) => void): readonly Column<TapRow>[] {
  return [
    {
      id: "request",
      title: "Request",
      cell: (row) => (
        <button type="button" class="link" onClick={() => onDetail(row)}>
          <span class="method">{row.method}</span> {row.path}
        </button>
      ),
    },
    { id: "from", title: "From", cell: (row) => <span class="name">{row.from.name}</span> },
    { id: "to", title: "To", cell: (row) => <span class="name">{row.to.name}</span> },
    {
      id: "status",
      title: "Status",
      numeric: true,
      cell: (row) => <span class={failed(row) ? "denied" : ""}>{statusOf(row)}</span>,
    },
    { id: "latency", title: "Latency", numeric: true, cell: (row) => latency(row.latency) },
    {
      id: "tls",
      title: "mTLS",
      numeric: true,
      cell: (row) => (row.secured ? "yes" : <span class="warn-text">no</span>),
    },
  ];
}

export function statusOf({ status, end }: TapRow): string {
  if (end !== null && end.reset !== null && end.reset !== 0) return `reset ${end.reset}`;
  if (end !== null && end.grpcStatus !== null) return `gRPC ${end.grpcStatus}`;
  return status === null ? "–" : String(status);
}

const topColumns: readonly Column<TopRow>[] = [
  { id: "path", title: "Request", value: (row) => row.path, cell: (row) => `${row.method} ${row.path}` },
  { id: "from", title: "From", value: (row) => row.from, cell: (row) => <span class="name">{row.from}</span> },
  { id: "to", title: "To", value: (row) => row.to, cell: (row) => <span class="name">{row.to}</span> },
  { id: "count", title: "Count", numeric: true, value: (row) => row.count, cell: (row) => row.count },
  { id: "best", title: "Best", numeric: true, value: (row) => row.best, cell: (row) => latency(row.best) },
  { id: "worst", title: "Worst", numeric: true, value: (row) => row.worst, cell: (row) => latency(row.worst) },
  { id: "last", title: "Last", numeric: true, value: (row) => row.last, cell: (row) => latency(row.last) },
  {
    id: "success",
    title: "Success",
    hint: percent(1),
    numeric: true,
    value: (row) => row.succeeded / row.count,
    cell: (row) => <Success value={row.succeeded / row.count} />,
  },
];
