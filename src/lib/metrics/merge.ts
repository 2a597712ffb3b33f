/** Joins the metrics of several processes that do the same work, as texts of the Prometheus format, into those of one. */

/** What says the same in each of them, or where the latest counts. Everything else is a sum. */
const notSummed =
  /(?:_info|_timestamp_seconds|_start_time_seconds|_timeout_seconds|_gate_open_time|_gate_shut_time|_lag_max_seconds|_endpoints|_max_fds)$/;

interface Group {
  /** HELP and TYPE. */
  readonly comments: string[];
  readonly values: Map<string, number>;
  readonly summed: boolean;
}

/** Series by series: counters, histograms and gauges are added up, times and facts are not. */
export class MetricsMerge {
  /** By the name that HELP and TYPE give. */
  private readonly groups = new Map<string, Group>();

  /** Adds what one process says, whole: a line belongs to the HELP and TYPE above it. */
  add(text: string): void {
    let group: Group | null = null;
    for (const line of text.split("\n")) {
      if (line === "") continue;
      if (line.startsWith("#")) {
        const [, , name = ""] = line.split(" ", 3);
        const known = this.groups.get(name);
        if (known === undefined) {
          group = { comments: [line], values: new Map(), summed: !notSummed.test(name) };
          this.groups.set(name, group);
        } else {
          group = known;
          if (!known.comments.includes(line)) known.comments.push(line);
        }
        continue;
      }
      const at = line.lastIndexOf(" ");
      group ??= this.unnamed();
      const key = line.slice(0, at);
      const value = Number(line.slice(at + 1));
      const before = group.values.get(key);
      if (before === undefined) group.values.set(key, value);
      else group.values.set(key, group.summed ? before + value : Math.max(before, value));
    }
  }

  text(): string {
    let out = "";
    for (const { comments, values } of this.groups.values()) {
      for (const comment of comments) out += `${comment}\n`;
      for (const [key, value] of values) out += `${key} ${Number.isFinite(value) ? value : infinite(value)}\n`;
    }
    return out;
  }

  private unnamed(): Group {
    const group = this.groups.get("") ?? { comments: [], values: new Map<string, number>(), summed: true };
    this.groups.set("", group);
    return group;
  }
}

function infinite(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  return value > 0 ? "+Inf" : "-Inf";
}
