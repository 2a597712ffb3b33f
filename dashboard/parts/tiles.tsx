/** A row of large numbers. */
import type { ComponentChildren } from "preact";
import type { Health } from "../format.ts";

export interface Tile {
  readonly title: string;
  readonly value: ComponentChildren;
  readonly note?: ComponentChildren;
  readonly health?: Health;
}

export function Tiles({ tiles }: { tiles: readonly Tile[] }) {
  return (
    <dl class="tiles">
      {tiles.map((tile) => (
        <div key={tile.title} class={`tile ${tile.health ?? ""}`}>
          <dt>{tile.title}</dt>
          <dd>{tile.value}</dd>
          {tile.note !== undefined && <dd class="tile-note">{tile.note}</dd>}
        </div>
      ))}
    </dl>
  );
}
