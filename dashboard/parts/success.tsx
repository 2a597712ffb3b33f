/** A success rate, told by colour, sign and number. */
import { health, percent } from "../format.ts";

const signs = { good: "", warn: "▲", bad: "●", idle: "" } as const;

export function Success({ value }: { value: number | null }) {
  const state = health(value);
  return (
    <span class={`success ${state}`}>
      {value !== null && (
        <svg class="meter" viewBox="0 0 40 4" preserveAspectRatio="none" aria-hidden="true">
          <rect width="40" height="4" class="meter-rest" />
          <rect width={40 * value} height="4" class="meter-fill" />
        </svg>
      )}
      <span class="sign" aria-hidden="true">
        {signs[state]}
      </span>
      {percent(value)}
    </span>
  );
}

export function Meshed({ meshed, pods }: { meshed: number; pods: number }) {
  const state = pods === 0 ? "idle" : meshed === pods ? "good" : meshed === 0 ? "idle" : "warn";
  return (
    <span class={`meshed ${state}`}>
      {meshed}/{pods}
    </span>
  );
}
