import { expect, test } from "bun:test";
import { array, assert, boolean, constantFrom, integer, property, record } from "fast-check";
import { StreamTable } from "./stream-table.ts";
import { Http2Stream, type StreamHandler, type StreamOwner } from "./stream.ts";

const owner = {} as StreamOwner;
const handler = {} as StreamHandler;
const streamOf = (id: number): Http2Stream => new Http2Stream(owner, id, handler, 0);

test("A table finds what is in it and nothing else, whatever came and went before", () => {
  const step = record({ add: boolean(), id: integer({ min: 0, max: 40 }), stride: constantFrom(2, 64) });
  assert(
    property(array(step, { maxLength: 200 }), (steps) => {
      const table = new StreamTable();
      const model = new Map<number, Http2Stream>();
      for (const { add, id: number, stride } of steps) {
        const id = number * stride + 1;
        const known = model.get(id);
        if (add && known === undefined) {
          const stream = streamOf(id);
          table.add(stream);
          model.set(id, stream);
        } else if (!add && known !== undefined) {
          table.delete(known);
          model.delete(id);
        }
      }
      for (let number = 0; number <= 40; number++)
        for (const stride of [2, 64]) expect(table.get(number * stride + 1)).toBe(model.get(number * stride + 1));
      expect(table.all().map(({ id }) => id)).toEqual([...model.keys()].sort((a, b) => a - b));
      expect(table.size).toBe(model.size);
    }),
  );
});
