/** All charts, as the files in `charts/` at the top of the repository. */
import type { ChartFiles } from "./chart.ts";
import { cniChart } from "./cni.ts";
import { controlPlaneChart } from "./control-plane.ts";
import { crdsChart } from "./crds.ts";

export const allCharts = (version: string): readonly ChartFiles[] => [
  crdsChart(version),
  controlPlaneChart(version),
  cniChart(version),
];
