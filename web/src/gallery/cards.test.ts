import { expect, test } from "vitest";
import type { Card } from "../types";
import { Cards } from "./cards";
import { shapeOf } from "./shape";

const card = (id: number, revision: number, more: Partial<Card> = {}): Card =>
  ({ id, revision, favourite: false, reject: false, rating: 0, broken: "", missing: false, score: null, ...more }) as Card;

test("an older answer never overwrites a newer one", () => {
  const cards = new Cards();
  cards.put([card(1, 5, { rating: 4 })]);
  cards.put([card(1, 3, { rating: 1 })]);
  expect(cards.get(1)?.rating).toBe(4);
});

test("a mark on its way shows on top of whatever the server says, until it arrived", () => {
  const cards = new Cards();
  cards.put([card(1, 5, { reject: true })]);
  cards.setPending(new Map([[1, { favourite: true }]]));
  expect(cards.get(1)).toMatchObject({ favourite: true, reject: false });
  cards.put([card(1, 6, { rating: 2 })]);
  expect(cards.get(1)).toMatchObject({ favourite: true, rating: 2 });
  cards.setPending(new Map());
  expect(cards.get(1)).toMatchObject({ favourite: false, rating: 2 });
});

test("who watches an image hears of it alone, and nothing where nothing changed", () => {
  const cards = new Cards();
  cards.put([card(1, 5), card(2, 5)]);
  let told = 0;
  cards.subscribe(1, () => told++);
  cards.put([card(2, 6), card(1, 5)]);
  expect(told).toBe(0);
  cards.put([card(1, 6)]);
  expect(told).toBe(1);
});

test("the shape of cells is that of most images", () => {
  expect(shapeOf([{ width: 832, height: 1216 }, { width: 832, height: 1216 }, { width: 1024, height: 1024 }])).toBe(2 / 3);
  expect(shapeOf([{ width: 1024, height: 1024 }])).toBe(1);
  expect(shapeOf([{ width: 0, height: 0 }])).toBe(1);
});
