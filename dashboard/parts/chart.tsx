/** A line chart over time. Its colours are those of the theme, read anew when it changes. */
import { useEffect, useRef } from "preact/hooks";
import UPlot from "uplot";

export interface ChartLine {
  readonly label: string;
  /** Name of a CSS property, without its dashes. */
  readonly colour: string;
  readonly values: readonly (number | null)[];
  readonly filled?: boolean;
}

export interface ChartProps {
  readonly title: string;
  /** ms since 1970. */
  readonly times: readonly number[];
  readonly lines: readonly ChartLine[];
  readonly format: (value: number) => string;
}

const height = 190;

function options(host: HTMLElement, { lines, format }: ChartProps): UPlot.Options {
  const style = getComputedStyle(host);
  const colour = (name: string): string => style.getPropertyValue(`--${name}`).trim();
  const axis = {
    stroke: colour("muted"),
    font: `11px ${style.fontFamily}`,
    grid: { stroke: colour("border"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: Math.max(240, host.clientWidth),
    height,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    scales: { y: { range: (_self, _low, high) => [0, high > 0 ? high * 1.12 : 1] } },
    axes: [
      { ...axis, size: 28, space: 70, values: timeLabels },
      { ...axis, size: 62, space: 36, values: (_self, splits) => splits.map((value) => format(value)) },
    ],
    series: [
      {},
      ...lines.map((line) => ({
        label: line.label,
        stroke: colour(line.colour),
        width: 1.8,
        spanGaps: false,
        points: { show: false },
        ...(line.filled === true ? { fill: `color-mix(in srgb, ${colour(line.colour)} 14%, transparent)` } : {}),
      })),
    ],
  };
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const clockShort = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

function timeLabels(_self: UPlot, splits: number[]): string[] {
  const format = splits.some((split) => split % 60 !== 0) ? clock : clockShort;
  return splits.map((split) => format.format(split * 1000));
}

function columns({ times, lines }: ChartProps): UPlot.AlignedData {
  return [times.map((time) => time / 1000), ...lines.map(({ values }) => [...values])];
}

export function Chart(props: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;

  useEffect(() => {
    const element = host.current;
    if (element === null) return undefined;
    const draw = (): void => {
      plot.current?.destroy();
      plot.current = new UPlot(options(element, latest.current), columns(latest.current), element);
    };
    draw();
    const sizes = new ResizeObserver(() => {
      plot.current?.setSize({ width: Math.max(240, element.clientWidth), height });
    });
    sizes.observe(element);
    const themes = new MutationObserver(draw);
    themes.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    const system = matchMedia("(prefers-color-scheme: dark)");
    system.addEventListener("change", draw);
    return () => {
      sizes.disconnect();
      themes.disconnect();
      system.removeEventListener("change", draw);
      plot.current?.destroy();
      plot.current = null;
    };
  }, []);

  useEffect(() => plot.current?.setData(columns(props)));

  const last = (line: ChartLine): string => {
    const value = line.values.findLast((candidate) => candidate !== null);
    return value === undefined || value === null ? "–" : props.format(value);
  };
  return (
    <figure class="chart">
      <figcaption>
        <h3>{props.title}</h3>
        <ul>
          {props.lines.map((line) => (
            <li key={line.label}>
              <span class={`key ${line.colour}`} aria-hidden="true" />
              {line.label} <b>{last(line)}</b>
            </li>
          ))}
        </ul>
      </figcaption>
      <div ref={host} class="plot" aria-hidden="true" />
    </figure>
  );
}
