import { expect, test } from "vitest";
import { hasTerm, isHalfWritten, replaceKey, sortOf, term, termsOf, toggleTerm, withoutSort, withSort } from "./query";

test("terms are read as the server reads them: quotes hold spaces", () => {
  expect(termsOf('fox "in the snow" lora:"ink wash" -model:sdxl score>0.7')).toEqual(["fox", '"in the snow"', 'lora:"ink wash"', "-model:sdxl", "score>0.7"]);
  expect(termsOf("   ")).toEqual([]);
});

test("an open quote loses nothing", () => {
  expect(termsOf('fox "in the').join(" ")).toBe('fox "in the');
  expect(toggleTerm('fox "in the', "lora:ink")).toContain('"in the');
});

test("a name with spaces or a bar is quoted, and a quote in it left out", () => {
  expect(term("lora", "ink")).toBe("lora:ink");
  expect(term("story", "the long winter")).toBe('story:"the long winter"');
  expect(term("model", "a|b")).toBe('model:"a|b"');
  expect(term("model", 'a"b')).toBe("model:ab");
  expect(termsOf(term("wildcard", "colors/warm=dark red"))).toHaveLength(1);
});

test("toggling adds, toggling again takes away, whatever else is there", () => {
  const once = toggleTerm('fox "in the snow"', "lora:ink");
  expect(once).toBe('fox "in the snow" lora:ink');
  expect(hasTerm(once, "LORA:ink")).toBe(true);
  expect(toggleTerm(once, "lora:ink")).toBe('fox "in the snow"');
});

test("a term and its opposite never stand together", () => {
  expect(toggleTerm("-lora:ink fox", "lora:ink")).toBe("fox lora:ink");
  expect(toggleTerm("lora:ink", "-lora:ink")).toBe("-lora:ink");
});

test("there is one order, and the newest first is none", () => {
  expect(sortOf("fox sort:score")).toBe("score");
  expect(sortOf("fox sort:date")).toBe("");
  expect(withSort("fox sort:score", "-rating")).toBe("fox sort:-rating");
  expect(withSort("fox sort:score", "")).toBe("fox");
  expect(withoutSort("sort:score fox sort:-date")).toBe("fox");
});

test("stars replace stars", () => {
  expect(replaceKey("fox rating>=3", "rating", "rating>=5")).toBe("fox rating>=5");
});

test("a key without its value, and an open quote, are half written", () => {
  for (const text of ["lora:", "fox -model:", "score>", "rating>=", 'fox "in the', 'lora:"ink']) expect(isHalfWritten(text), text).toBe(true);
  for (const text of ["", "fox", "lora:ink", "score>0.7", '"in the snow"', 'lora:"ink wash"', "a:b:c"]) expect(isHalfWritten(text), text).toBe(false);
});
