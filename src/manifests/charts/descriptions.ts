/** What each value does, for the comments of values.yaml. */
import type { Descriptions } from "./chart.ts";

export const controlPlaneDescriptions: Descriptions = {};
export const cniDescriptions: Descriptions = {};
