import { expect, test } from "vitest";
import { differenceOf, wordsOf } from "./diff";

const PAIRS: [string, string][] = [
  ["a red fox in the snow", "a blue owl in the snow"],
  ["", "a fox"],
  ["a fox", ""],
  ["same", "same"],
  ["a (fox:1.2), snow", "a (owl:1.3), snow, night"],
  ["ein Füchslein, 雪の中の狐", "ein Eulchen, 雪の中の梟"],
  ["a  fox\nin snow", "a fox in\nsnow "],
  ["x ".repeat(900), "y ".repeat(900)],
];

test.each(PAIRS)("nothing of either text is lost: %j", (before, after) => {
  const pieces = differenceOf(before, after);
  const of = (kind: string) => pieces.filter((piece) => piece.kind !== kind).map((piece) => piece.text).join("");
  expect(of("ins")).toBe(before);
  expect(of("del")).toBe(after);
});

test("two changed words beside each other are one change", () => {
  expect(differenceOf("a red fox sleeps", "a blue owl sleeps")).toEqual([
    { text: "a ", kind: "same" },
    { text: "red fox", kind: "del" },
    { text: "blue owl", kind: "ins" },
    { text: " sleeps", kind: "same" },
  ]);
});

test("words of all scripts are words", () => {
  expect(wordsOf("fox, été (a:1.2)").join("")).toBe("fox, été (a:1.2)");
  expect(wordsOf("été")).toEqual(["été"]);
});
