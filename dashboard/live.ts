/** The view of a page, kept up to date by an event stream; one stream per page. */
import { useEffect, useState } from "preact/hooks";
import type { View, ViewFailure } from "#viz/web/view.ts";

export type Live<V> =
  | { readonly state: "loading" }
  /** `lost`: the stream broke and is being opened again; the view is the last known. */
  | { readonly state: "shown"; readonly view: V; readonly lost: boolean; readonly at: number }
  | { readonly state: "failed"; readonly error: string };

export type ViewNamed<Name extends View["view"]> = Extract<View, { view: Name }>;

/** ms before a stream that was refused is tried again. A broken one is opened again by the browser. */
const retryDelay = 3000;

export const unreachable =
  "The dashboard does not answer. If you opened it with “linkerd viz dashboard”, see whether that command still runs.";

interface Watch {
  onView(view: View): void;
  onLost(): void;
  onFailure(error: string): void;
}

/** @returns ends the watch. */
function watchView(address: string, watch: Watch): () => void {
  let source: EventSource;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let ended = false;
  const open = (): void => {
    source = new EventSource(`/api/live/${address}`);
    source.addEventListener("message", (event: MessageEvent<string>) => {
      const view = JSON.parse(event.data) as View | ViewFailure;
      if (view.view === "failure") watch.onFailure(view.error);
      else watch.onView(view);
    });
    source.addEventListener("error", () => {
      watch.onLost();
      // A stream does not say why it was refused: the same view asked for once does.
      void whyRefused(address).then((error) => {
        if (ended) return;
        if (error !== null) watch.onFailure(error);
        if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, retryDelay);
      });
    });
  };
  open();
  return () => {
    ended = true;
    clearTimeout(timer);
    source.close();
  };
}

async function whyRefused(address: string): Promise<string | null> {
  try {
    const answer = await fetch(`/api/view/${address}`);
    if (answer.ok) return null;
    return ((await answer.json()) as { readonly error?: string }).error ?? unreachable;
  } catch {
    return unreachable;
  }
}

/** A view of the server, by name and parameters. */
export function useView<Name extends View["view"]>(
  name: Name,
  params: Readonly<Record<string, string>>,
): Live<ViewNamed<Name>> {
  const query = new URLSearchParams(params).toString();
  const address = query === "" ? name : `${name}?${query}`;
  const [known, setKnown] = useState<{ readonly address: string; readonly live: Live<ViewNamed<Name>> }>({
    address,
    live: { state: "loading" },
  });

  useEffect(
    () =>
      watchView(address, {
        onView: (view) =>
          setKnown({
            address,
            live: { state: "shown", view: view as ViewNamed<Name>, lost: false, at: performance.now() },
          }),
        onLost: () =>
          setKnown((before) =>
            before.address === address && before.live.state === "shown"
              ? { address, live: { ...before.live, lost: true } }
              : before,
          ),
        // What is shown stays: old numbers say more than an error that passes.
        onFailure: (error) =>
          setKnown((before) =>
            before.address === address && before.live.state === "shown"
              ? before
              : { address, live: { state: "failed", error } },
          ),
      }),
    [address],
  );
  return known.address === address ? known.live : { state: "loading" };
}
