/** The frame around every page, and which path shows which page. */
import { useEffect, useState } from "preact/hooks";
import { Link, Redirect, Route, Switch, useLocation } from "wouter-preact";
import { singular } from "./format.ts";
import { overviewPath } from "./links.ts";
import { Help } from "./parts/help.tsx";
import { Search } from "./parts/search.tsx";
import { NotFoundPage } from "./pages/not-found.tsx";
import { OverviewPage } from "./pages/overview.tsx";
import { TapPage } from "./pages/tap.tsx";
import { TopologyPage } from "./pages/topology.tsx";
import { WorkloadPage } from "./pages/workload.tsx";
import { applyTheme, nextTheme, savedTheme } from "./theme.ts";

const pages = [
  { path: overviewPath, title: "Overview", key: "o" },
  { path: "/topology", title: "Topology", key: "t" },
  { path: "/tap", title: "Live requests", key: "l" },
] as const;

type Dialog = "none" | "search" | "help";

export function App() {
  const [location, navigate] = useLocation();
  const [dialog, setDialog] = useState<Dialog>("none");
  const close = (): void => setDialog("none");
  useKeys((key, after) => {
    if (key === "/") setDialog("search");
    else if (key === "?") setDialog("help");
    else if (after === "g") {
      const page = pages.find((candidate) => candidate.key === key);
      if (page !== undefined) navigate(page.path);
    }
  });
  return (
    <>
      <a class="skip" href="#main">
        Skip to the page
      </a>
      <header class="bar">
        <Link href={overviewPath} class="brand" aria-label="Linkerd, overview">
          <img src="/assets/icon.svg" alt="" width="24" height="24" />
          <span>Linkerd</span>
        </Link>
        <nav aria-label="Pages">
          {pages.map(({ path, title }) => (
            <Link key={path} href={path} aria-current={location.startsWith(path) ? "page" : undefined}>
              {title}
            </Link>
          ))}
        </nav>
        <button type="button" class="search-button" onClick={() => setDialog("search")}>
          <span>Search workloads</span>
          <kbd>/</kbd>
        </button>
        <ThemeButton />
        <button type="button" class="icon-button" aria-label="Keyboard shortcuts" onClick={() => setDialog("help")}>
          ?
        </button>
      </header>
      <main id="main" tabIndex={-1}>
        <Switch>
          <Route path="/">
            <Redirect to={overviewPath} replace />
          </Route>
          <Route path={overviewPath}>
            <OverviewPage namespace={null} />
          </Route>
          <Route path="/namespaces/:namespace">{({ namespace }) => <OverviewPage namespace={namespace} />}</Route>
          <Route path="/namespaces/:namespace/:kinds/:name">
            {({ namespace, kinds, name }) => <WorkloadPage workload={{ namespace, kind: singular(kinds), name }} />}
          </Route>
          <Route path="/topology">
            <TopologyPage />
          </Route>
          <Route path="/tap">
            <TapPage />
          </Route>
          <Route>
            <NotFoundPage />
          </Route>
        </Switch>
      </main>
      {dialog === "search" && <Search onClose={close} />}
      {dialog === "help" && <Help onClose={close} pages={pages} />}
    </>
  );
}

/** Calls back for a single key typed outside of fields; `after` is the key before it when that was less than a second ago. */
function useKeys(onKey: (key: string, after: string) => void): void {
  useEffect(() => {
    let last = "";
    let lastAt = 0;
    const listener = (event: KeyboardEvent): void => {
      const typing =
        event.target instanceof Element && event.target.closest("input, textarea, select, dialog") !== null;
      if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "/") event.preventDefault();
      onKey(event.key, event.timeStamp - lastAt < 1000 ? last : "");
      last = event.key;
      lastAt = event.timeStamp;
    };
    document.addEventListener("keydown", listener);
    return () => document.removeEventListener("keydown", listener);
  });
}

const themeNames = { auto: "as the system", light: "light", dark: "dark" } as const;
const themeGlyphs = { auto: "◐", light: "☀", dark: "☾" } as const;

function ThemeButton() {
  const [theme, setTheme] = useState(savedTheme);
  const change = (): void => {
    const next = nextTheme(theme);
    applyTheme(next);
    setTheme(next);
  };
  return (
    <button
      type="button"
      class="icon-button"
      aria-label={`Colours: ${themeNames[theme]}`}
      title={`Colours: ${themeNames[theme]}`}
      onClick={change}
    >
      {themeGlyphs[theme]}
    </button>
  );
}
