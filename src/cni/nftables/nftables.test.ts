import { expect, test } from "bun:test";
import { MeshError } from "#lib/errors.ts";
import { existingTables, installTable, removeTable } from "./apply.ts";
import { encodeReplacement, prefixMask } from "./encode.ts";
import { decodeAnswers, encodeAttributes, text, u32 } from "./netlink.ts";
import type { Table } from "./table.ts";

const table: Table = { family: "inet", name: "t", chains: [{ name: "c", hook: null, rules: [] }] };

/** An acknowledgement or error of the kernel. */
function answer(sequence: number, errno: number): Uint8Array {
  const bytes = new Uint8Array(36);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 36, true);
  view.setUint16(4, 2, true);
  view.setUint32(8, sequence, true);
  view.setInt32(16, -errno, true);
  return bytes;
}

/** The message numbers of a batch without its marks. */
function commands(batch: Uint8Array): number[] {
  return decodeAnswers(batch)
    .map(({ type }) => type)
    .filter((type) => type >= 0x100)
    .map((type) => type & 0xff);
}

test("Attributes are padded to four bytes, and nested ones are marked", () => {
  const bytes = encodeAttributes([
    [1, text("ab")],
    [2, [[3, u32(1)]]],
  ]);
  expect(Buffer.from(bytes).toString("hex")).toBe("07000100616200000c0002800800030000000001");
});

test("Network masks have the first bits set", () => {
  expect([...prefixMask(12, 4)]).toEqual([255, 240, 0, 0]);
  expect([...prefixMask(0, 4)]).toEqual([0, 0, 0, 0]);
  expect([...prefixMask(32, 4)]).toEqual([255, 255, 255, 255]);
});

test("An existing table of either family is removed in the same batch", () => {
  const sent: Uint8Array[] = [];
  installTable(table, (message) => {
    sent.push(message.slice());
    if (sent.length === 1) return [answer(1, 0)];
    if (sent.length === 2) return [answer(1, 2)];
    return [answer(3, 0)];
  });
  // Two queries, then: delete table, new table, new chain.
  expect(sent.slice(0, 2).map(commands)).toEqual([[1], [1]]);
  expect(commands(sent[2] ?? new Uint8Array())).toEqual([2, 0, 3]);
});

test("Nothing is sent to remove a table that does not exist", () => {
  let sent = 0;
  const removed = removeTable("t", () => {
    sent++;
    return [answer(1, 2)];
  });
  expect([removed, sent]).toEqual([false, 2]);
});

test("A missing capability and a missing kernel module are told apart", () => {
  expect(() => existingTables("t", () => [answer(1, 1)])).toThrow("NET_ADMIN");
  expect(() => existingTables("t", () => -93)).toThrow("lacks nf_tables");
  const without = (message: Uint8Array): Uint8Array[] => [answer(commands(message).length > 1 ? 2 : 1, 2)];
  expect(() => installTable(table, without)).toThrow("nft_redir");
});

test("A transaction without an acknowledgement of its last command is a failure", () => {
  const silent = (message: Uint8Array): Uint8Array[] => (commands(message)[0] === 1 ? [answer(1, 2)] : []);
  expect(() => installTable(table, silent)).toThrow(MeshError);
});

test("A cut answer of the kernel is refused", () => {
  expect(() => decodeAnswers(answer(1, 0).subarray(0, 20))).toThrow("cut short");
});

test("Every command of a batch has a sequence number of its own", () => {
  const { bytes, last } = encodeReplacement([], table);
  expect(decodeAnswers(bytes).map(({ sequence }) => sequence)).toEqual([0, 1, 2, 3]);
  expect(last).toBe(2);
});
