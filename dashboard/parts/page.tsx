/** The states that every page with a live view has: loading, failed, shown, connection lost. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { View } from "#viz/web/view.ts";
import type { Live } from "../live.ts";
import { Message } from "./message.tsx";

export function Page<V extends View>(props: {
  /** For the browser's tab and history. */
  title: string;
  heading: ComponentChildren;
  live: Live<V>;
  children: (view: V) => ComponentChildren;
}) {
  const { live, title } = props;
  useEffect(() => {
    document.title = `${title} · Linkerd`;
  }, [title]);
  switch (live.state) {
    case "loading":
      return <Loading />;
    case "failed":
      return (
        <Message title="The page can't be shown" alert>
          {live.error}
        </Message>
      );
    case "shown":
      return (
        <>
          <div class="heading">
            {props.heading}
            <Pulse live={live} />
          </div>
          {live.lost && (
            <p class="banner" role="alert">
              The connection is lost; these are the last known numbers. If you opened the dashboard with{" "}
              <code>linkerd viz dashboard</code>, see whether that command still runs.
            </p>
          )}
          {props.children(live.view)}
        </>
      );
    default:
      return live satisfies never;
  }
}

/** Grey bars, but only when it takes longer than a blink. */
function Loading() {
  return (
    <div class="loading" role="status" aria-label="Loading">
      <div />
      <div />
      <div />
    </div>
  );
}

function Pulse({ live }: { live: { readonly view: View; readonly lost: boolean; readonly at: number } }) {
  const [, setNow] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setNow(performance.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const { scraped, time } = live.view;
  const seconds = Math.max(0, Math.round((Date.now() - time) / 1000));
  const state = live.lost ? "lost" : scraped.fresh < scraped.pods ? "partial" : "live";
  const words =
    state === "lost"
      ? "Connection lost"
      : time === 0
        ? "Waiting for the first numbers"
        : state === "partial"
          ? `Live, ${scraped.fresh} of ${scraped.pods} proxies`
          : "Live";
  return (
    <span class={`pulse ${state}`} title={time === 0 ? "" : `Newest numbers are ${seconds} s old`}>
      <span class="pulse-dot" aria-hidden="true" />
      {words}
    </span>
  );
}
