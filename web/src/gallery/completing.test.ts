import { expect, test } from "vitest";
import { choicesOf, completed, nameChoice, typedAt } from "./completing";

const at = (text: string) => typedAt(text.replace("¦", ""), text.indexOf("¦"));

test.each([
  ["lora:¦", "lora", ""],
  ["fox -LoRA:in¦", "lora", "in"],
  ['story:"the long w¦', "story", "the long w"],
  ["wildcard:colors/warm=cr¦ fox", "wildcard", "colors/warm=cr"],
  ["checkpoint:dr¦", "model", "dr"],
])("%s asks for names", (text, kind, part) => {
  expect(at(text)).toMatchObject({ kind, part });
});

test.each(["score>0.¦", '"a lora:¦', "fo¦x", "rating>=¦", 'lora:"ink"¦'])("%s is not completed", (text) => {
  const typed = at(text);
  expect(typed && choicesOf(typed).length).toBeFalsy();
  expect(typed?.kind).toBeUndefined();
});

test("a word is completed to the keys that begin with it, with its minus", () => {
  expect(choicesOf(at("fox -mo¦")!).map(({ text }) => text)).toEqual(["-model:"]);
  expect(choicesOf(at("snow¦")!)).toEqual([]);
});

test("values that a key can have are known, but for the one that stands there", () => {
  expect(choicesOf(at("favourite:¦")!).map(({ title }) => title)).toEqual(["yes", "no"]);
  expect(choicesOf(at("favourite:yes¦")!)).toEqual([]);
  expect(choicesOf(at("sort:-s¦")!).map(({ text }) => text)).toEqual(["sort:-score "]);
});

test("a name takes the place of its part, quoted where it has to be, and the rest stays", () => {
  const text = "fox -lora:in snow";
  const typed = typedAt(text, 12)!;
  expect(completed(text, typed, 12, nameChoice(typed, "Ink wash", 3))).toEqual(['fox -lora:"Ink wash" snow', 20]);
  const value = at("wildcard:cri¦")!;
  expect(nameChoice(value, "colors/warm#crimson", 1200)).toMatchObject({ text: "wildcard:colors/warm=crimson ", title: "colors/warm=crimson" });
});
