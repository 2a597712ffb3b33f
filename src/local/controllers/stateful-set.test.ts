import { expect, test } from "bun:test";
import { ordinalOf, planOrdinals, type OrdinalView } from "./stateful-set.ts";

const options = { parallel: false, onDelete: false, partition: 0 };
const pod = (ordinal: number, given: Partial<OrdinalView> = {}): OrdinalView => ({
  ordinal,
  available: true,
  terminating: false,
  over: false,
  updated: true,
  ...given,
});

test("Pods are made one after the other, each when the one before is available", () => {
  expect(planOrdinals(3, [], options)).toEqual({ create: [0], remove: [] });
  expect(planOrdinals(3, [pod(0, { available: false })], options)).toEqual({ create: [], remove: [] });
  expect(planOrdinals(3, [pod(0)], options)).toEqual({ create: [1], remove: [] });
  expect(planOrdinals(3, [], { ...options, parallel: true }).create).toEqual([0, 1, 2]);
});

test("Surplus pods go from the highest down, one at a time", () => {
  expect(planOrdinals(1, [pod(0), pod(1), pod(2)], options).remove).toEqual([2]);
  expect(planOrdinals(1, [pod(0), pod(1), pod(2, { terminating: true })], options).remove).toEqual([]);
  expect(planOrdinals(1, [pod(0), pod(1), pod(2)], { ...options, parallel: true }).remove).toEqual([2, 1]);
});

test("An update replaces from the highest down to the partition and waits for each", () => {
  const old = { updated: false };
  expect(planOrdinals(3, [pod(0, old), pod(1, old), pod(2, old)], options).remove).toEqual([2]);
  expect(planOrdinals(3, [pod(0, old), pod(1, old), pod(2, { available: false })], options).remove).toEqual([]);
  expect(planOrdinals(3, [pod(0, old), pod(1, old), pod(2)], options).remove).toEqual([1]);
  expect(planOrdinals(3, [pod(0, old), pod(1, old), pod(2)], { ...options, partition: 2 }).remove).toEqual([]);
  expect(planOrdinals(3, [pod(0, old), pod(1, old), pod(2, old)], { ...options, onDelete: true }).remove).toEqual([]);
});

test("A pod that ended for good is made anew", () => {
  expect(planOrdinals(1, [pod(0, { over: true, available: false })], options)).toEqual({ create: [], remove: [0] });
});

test("Only names of the set with a number belong to it", () => {
  const set = { metadata: { name: "db" } };
  const named = (name: string) => ordinalOf(set, { metadata: { name } });
  expect([named("db-12"), named("db-x"), named("other-1"), named("db")]).toEqual([12, null, null, null]);
});
