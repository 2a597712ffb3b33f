/** The topology as a drawing: workloads are links, edges tell success by colour, traffic by width and mutual TLS by a lock. */
import { Component } from "preact";
import { useMemo, useRef, useState } from "preact/hooks";
import { useLocation } from "wouter-preact";
import type { EdgeRow, WorkloadRef, WorkloadRow } from "#viz/web/view.ts";
import { health, latency, percent, perSecond } from "../format.ts";
import { refId, workloadPath } from "../links.ts";
import { Lock, plainReason, secureWords } from "../parts/secured.tsx";
import { curve } from "./curve.ts";
import { layOut, nodeHeight, nodeWidth, type Layout, type Placed } from "./layout.ts";

const margin = 24;
/** Room for the loops of edges within a column. */
const loops = 40;
/** Letters of a name that fit into its box. */
const nameLimit = 22;
/** More edges than this are drawn without locks and rates, unless pointed at. */
const crowded = 80;

/** Namespaces that are nodes themselves share one box. */
const namespaces = "\n";
const boxName = (ref: WorkloadRef): string => (ref.kind === "namespace" ? namespaces : ref.namespace);
const boxTitle = (name: string): string =>
  name === "" ? "outside the cluster" : name === namespaces ? "namespaces" : name;

/** Names are cut by their number of letters: text in a drawing does not wrap. */
function short(text: string, limit: number): string {
  const letters = [...text];
  return letters.length <= limit ? text : `${letters.slice(0, limit - 1).join("")}…`;
}

interface GraphProps {
  readonly workloads: readonly WorkloadRow[];
  readonly edges: readonly EdgeRow[];
  /** Drawn with a stronger frame. */
  readonly focus?: string;
}

export function Graph({ workloads, edges, focus }: GraphProps) {
  const rows = new Map(workloads.map((row) => [refId(row), row]));
  const refs = new Map<string, WorkloadRef>(workloads.map((row) => [refId(row), row]));
  for (const edge of edges)
    for (const ref of [edge.from, edge.to]) if (!refs.has(refId(ref))) refs.set(refId(ref), ref);
  // The layout depends on who is there and who calls whom, not on numbers: it stays while they change.
  const shape = JSON.stringify([
    [...refs].map(([id, ref]) => [id, boxName(ref)]),
    edges.map(({ from, to }) => [refId(from), refId(to)]),
  ]);
  const layout = useMemo(
    () =>
      layOut(
        [...refs].map(([id, ref]) => ({ id, box: boxName(ref) })),
        edges.map(({ from, to }) => ({ from: refId(from), to: refId(to) })),
      ),
    [shape],
  );
  const [pointed, setPointed] = useState<string | null>(null);
  const camera = useCamera(layout);
  const touches = (edge: EdgeRow): boolean =>
    pointed === null || refId(edge.from) === pointed || refId(edge.to) === pointed || edgeId(edge) === pointed;
  const near = new Set(
    pointed === null
      ? []
      : edges
          .filter(touches)
          .flatMap(({ from, to }) => [refId(from), refId(to)])
          .concat(pointed),
  );
  // What is pointed at is drawn last, on top.
  const ordered = pointed === null ? edges : [...edges.filter((e) => !touches(e)), ...edges.filter(touches)];
  return (
    <div class="graph">
      <svg
        ref={camera.ref}
        viewBox={camera.viewBox}
        class={pointed === null ? "" : "pointing"}
        role="group"
        aria-label="Topology"
        {...camera.handlers}
      >
        {layout.boxes.map((box) => (
          <g key={box.name} class="box">
            <rect x={box.x} y={box.y} width={box.width} height={box.height} rx="14" />
            <text x={box.x + 20} y={box.y + 27}>
              {short(boxTitle(box.name), 40)}
            </text>
          </g>
        ))}
        {ordered.map((edge) => (
          <Edge
            key={edgeId(edge)}
            edge={edge}
            layout={layout}
            detailed={edges.length <= crowded || (pointed !== null && touches(edge))}
            dim={!touches(edge)}
            onPoint={setPointed}
          />
        ))}
        {[...refs].map(([id, ref]) => (
          <Node
            key={id}
            workload={ref}
            row={rows.get(id)}
            place={layout.nodes.get(id)}
            focused={id === focus}
            dim={pointed !== null && !near.has(id)}
            onPoint={setPointed}
          />
        ))}
      </svg>
      <div class="graph-tools">
        <button type="button" class="icon-button" aria-label="Zoom in" onClick={() => camera.zoom(1.3)}>
          +
        </button>
        <button type="button" class="icon-button" aria-label="Zoom out" onClick={() => camera.zoom(1 / 1.3)}>
          −
        </button>
        <button type="button" class="icon-button" aria-label="Show all" onClick={camera.reset}>
          ⤢
        </button>
      </div>
    </div>
  );
}

const edgeId = (edge: EdgeRow): string => `${refId(edge.from)} → ${refId(edge.to)}`;

interface EdgeProps {
  readonly edge: EdgeRow;
  readonly layout: Layout;
  readonly detailed: boolean;
  readonly dim: boolean;
  readonly onPoint: (id: string | null) => void;
}

/** Each view brings new objects; thousands of edges are only drawn again where they say something else. */
class Edge extends Component<EdgeProps> {
  override shouldComponentUpdate(next: EdgeProps): boolean {
    const now = this.props;
    return (
      now.layout !== next.layout ||
      now.detailed !== next.detailed ||
      now.dim !== next.dim ||
      JSON.stringify(now.edge) !== JSON.stringify(next.edge)
    );
  }

  override render(props: EdgeProps) {
    return <EdgeLine {...props} />;
  }
}

function EdgeLine(props: EdgeProps) {
  const { edge, layout } = props;
  const from = layout.nodes.get(refId(edge.from));
  const to = layout.nodes.get(refId(edge.to));
  if (from === undefined || to === undefined) return null;
  const { path, middle } = curve(from, to);
  const state = health(edge.success);
  // 1 request a second and less is thin; each tenfold adds a step.
  const width = 1.5 + Math.min(4, Math.max(0, Math.log10((edge.rps ?? 0) + 1)) * 1.4);
  const words = [
    `${edge.from.name} → ${edge.to.name}`,
    edge.rps === null ? "no HTTP requests" : `${perSecond(edge.rps)} requests per second`,
    ...(edge.success === null ? [] : [`${percent(edge.success)} succeed`]),
    ...(edge.p95 === null ? [] : [`P95 ${latency(edge.p95)}`]),
    `${secureWords(edge)}${edge.security === "mutual" ? "" : `: ${plainReason(edge.plainReason)}`}`,
    ...(edge.serverId === null ? [] : [edge.serverId]),
  ].join("\n");
  return (
    <g
      class={`edge ${state}${props.dim ? " dim" : ""}`}
      onPointerEnter={() => props.onPoint(edgeId(edge))}
      onPointerLeave={() => props.onPoint(null)}
    >
      <title>{words}</title>
      <path class="edge-hit" d={path} />
      <path class={`edge-line ${edge.security}`} d={path} stroke-width={width} />
      {props.detailed && (
        <g transform={`translate(${middle.x} ${middle.y})`} class="edge-label">
          <rect x="-37" y="-10" width="74" height="20" rx="10" />
          <g transform="translate(-25 -.5) scale(.8)">
            <Lock security={edge.security} />
          </g>
          <text x="6" y="4">
            {edge.rps === null ? "tcp" : `${perSecond(edge.rps)} rps`}
          </text>
        </g>
      )}
    </g>
  );
}

function Node(props: {
  workload: WorkloadRef;
  row: WorkloadRow | undefined;
  place: Placed | undefined;
  focused: boolean;
  dim: boolean;
  onPoint: (id: string | null) => void;
}) {
  const { workload, row, place } = props;
  const [, navigate] = useLocation();
  if (place === undefined) return null;
  const id = refId(workload);
  const state = row === undefined ? "idle" : health(row.success);
  const path = workloadPath(workload);
  const meshed = row === undefined || row.meshed > 0;
  const facts =
    row === undefined
      ? workload.kind
      : row.rps === null
        ? meshed
          ? "no requests"
          : "not meshed"
        : `${percent(row.success)} · ${perSecond(row.rps)} rps`;
  const inner = (
    <>
      {short(workload.name, nameLimit) !== workload.name && <title>{workload.name}</title>}
      <rect width={nodeWidth} height={nodeHeight} rx="10" class={meshed ? "" : "unmeshed"} />
      <rect width="4" height={nodeHeight - 20} x="8" y="10" rx="2" class="node-health" />
      <text x="22" y="23" class="node-name">
        {short(workload.name, nameLimit)}
      </text>
      <text x="22" y="41" class="node-facts">
        {facts}
      </text>
    </>
  );
  const common = {
    transform: `translate(${place.x} ${place.y})`,
    class: `node ${state}${props.dim ? " dim" : ""}${props.focused ? " focused" : ""}`,
    onPointerEnter: () => props.onPoint(id),
    onPointerLeave: () => props.onPoint(null),
  };
  if (path === null) return <g {...common}>{inner}</g>;
  return (
    <a
      {...common}
      href={path}
      onFocus={() => props.onPoint(id)}
      onBlur={() => props.onPoint(null)}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        navigate(path);
      }}
    >
      {inner}
    </a>
  );
}

interface Camera {
  readonly x: number;
  readonly y: number;
  /** Units of the drawing that are visible. */
  readonly width: number;
  readonly height: number;
}

function useCamera(layout: Layout) {
  const ref = useRef<SVGSVGElement>(null);
  const all: Camera = {
    x: -margin,
    y: -margin,
    // A small graph is not blown up to the width of the page.
    width: Math.max(layout.width + 2 * margin + loops, 1180),
    height: layout.height + 2 * margin,
  };
  const [moved, setMoved] = useState<Camera | null>(null);
  const drag = useRef<{ x: number; y: number; camera: Camera; moved: boolean } | null>(null);
  // Fewer units than the page is wide: centred.
  const camera = moved ?? { ...all, x: (layout.width + loops - all.width) / 2 };
  const zoom = (factor: number): void => {
    const width = Math.min(Math.max(camera.width / factor, 300), 20_000);
    const height = (camera.height * width) / camera.width;
    setMoved({
      x: camera.x + (camera.width - width) / 2,
      y: camera.y + (camera.height - height) / 2,
      width,
      height,
    });
  };
  const handlers = {
    onPointerDown: (event: PointerEvent) => {
      drag.current = { x: event.clientX, y: event.clientY, camera, moved: false };
    },
    onPointerMove: (event: PointerEvent) => {
      const start = drag.current;
      const wide = ref.current?.getBoundingClientRect();
      if (start === null || wide === undefined || event.buttons === 0) return;
      const dx = event.clientX - start.x;
      const dy = event.clientY - start.y;
      if (!start.moved && Math.hypot(dx, dy) < 4) return;
      start.moved = true;
      const scale = Math.max(start.camera.width / wide.width, start.camera.height / wide.height);
      setMoved({ ...start.camera, x: start.camera.x - dx * scale, y: start.camera.y - dy * scale });
    },
    onClickCapture: (event: MouseEvent) => {
      // The end of a drag over a workload is no click on it.
      if (drag.current?.moved === true) {
        event.preventDefault();
        event.stopPropagation();
      }
      drag.current = null;
    },
    onDragStart: (event: Event) => event.preventDefault(),
    onWheel: (event: WheelEvent) => {
      // Without the key the page scrolls, as everywhere.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(event.deltaY < 0 ? 1.12 : 1 / 1.12);
    },
  };
  return {
    ref,
    viewBox: `${camera.x} ${camera.y} ${camera.width} ${camera.height}`,
    zoom,
    reset: () => setMoved(null),
    handlers,
  };
}
