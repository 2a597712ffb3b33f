/** Jump to a workload or namespace by typing. */
import { useState } from "preact/hooks";
import { useLocation } from "wouter-preact";
import { useView } from "../live.ts";
import { namespacePath, workloadPath } from "../links.ts";
import { search, type Found } from "../search-match.ts";
import { Dialog } from "./dialog.tsx";

const limit = 12;

const pathOf = (found: Found): string =>
  found.what === "namespace" ? namespacePath(found.namespace) : (workloadPath(found.workload) ?? "/");

export function Search(props: { onClose: () => void }) {
  const [, navigate] = useLocation();
  const [typed, setTyped] = useState("");
  const [chosen, setChosen] = useState(0);
  const live = useView("overview", {});
  const found = search(typed, live.state === "shown" ? live.view.workloads : [], limit);
  const go = (target: Found | undefined): void => {
    if (target === undefined) return;
    props.onClose();
    navigate(pathOf(target));
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step !== 0 && found.length > 0) {
      event.preventDefault();
      setChosen((chosen + step + found.length) % found.length);
    } else if (event.key === "Enter") {
      event.preventDefault();
      go(found[chosen]);
    }
  };
  return (
    <Dialog label="Search" onClose={props.onClose}>
      <input
        class="search-field"
        type="text"
        role="combobox"
        aria-expanded="true"
        aria-controls="found"
        aria-activedescendant={found.length > 0 ? `found-${chosen}` : undefined}
        aria-label="Name of a workload or namespace"
        placeholder="Name of a workload or namespace"
        autofocus
        spellcheck={false}
        value={typed}
        onInput={(event) => {
          setTyped(event.currentTarget.value);
          setChosen(0);
        }}
        onKeyDown={onKeyDown}
      />
      <ul id="found" role="listbox" aria-label="Found" class="found">
        {found.map((entry, index) => (
          <li
            key={pathOf(entry)}
            id={`found-${index}`}
            role="option"
            aria-selected={index === chosen}
            onClick={() => go(entry)}
            onPointerMove={() => setChosen(index)}
          >
            {entry.what === "namespace" ? (
              <>
                <span class="found-name">{entry.namespace}</span>
                <span class="found-kind">namespace</span>
              </>
            ) : (
              <>
                <span class="found-name">{entry.workload.name}</span>
                <span class="found-kind">
                  {entry.workload.kind} in {entry.workload.namespace}
                </span>
              </>
            )}
          </li>
        ))}
      </ul>
      {found.length === 0 && (
        <p class="found-none">
          {live.state === "loading" ? "Loading…" : live.state === "failed" ? live.error : `Nothing is named “${typed}”`}
        </p>
      )}
    </Dialog>
  );
}
