/** What colours and locks of the graph mean. */
import { Lock } from "./secured.tsx";

const colours = [
  ["good", "99 % and more succeed"],
  ["warn", "95 to 99 %"],
  ["bad", "less than 95 %"],
  ["idle", "no requests"],
] as const;
const locks = [
  ["mutual", "mutual TLS"],
  ["none", "plaintext"],
] as const;

export function Legend() {
  return (
    <ul class="legend" aria-label="Legend">
      {colours.map(([state, words]) => (
        <li key={state} class={`edge ${state}`}>
          <svg width="26" height="10" viewBox="0 0 26 10" aria-hidden="true">
            <path class="edge-line" d="M1 5H25" stroke-width="3" />
          </svg>
          {words}
        </li>
      ))}
      {locks.map(([security, words]) => (
        <li key={security}>
          <svg viewBox="-8 -8 16 16" width="16" height="16" aria-hidden="true">
            <Lock security={security} />
          </svg>
          {words}
        </li>
      ))}
    </ul>
  );
}
