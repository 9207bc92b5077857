import { expect, test } from "vitest";
import { added, NONE, span, toggled } from "./selection";

test("a click with Ctrl chooses and lets go, and is where Shift counts from", () => {
  const one = toggled(NONE, 7, 3);
  expect([...one.ids]).toEqual([7]);
  expect(span(one, 6)).toEqual([3, 6]);
  expect(span(one, 1)).toEqual([1, 3]);
  expect(toggled(one, 7, 3).ids.size).toBe(0);
});

test("a span without a beginning is the one image", () => expect(span(NONE, 4)).toEqual([4, 4]));

test("a span adds to what is chosen", () => expect([...added(toggled(NONE, 7, 3), [7, 8, 9]).ids]).toEqual([7, 8, 9]));
