// What can be completed of a query where its caret stands, and how the query reads with it. docs/gallery.md, "Searching".

import { SORTS, term } from "./query";

/** What is being typed: from `start` to the caret. `kind` is of names that the server knows; else there are `choices`. */
export interface Typed {
  start: number;
  minus: string;
  key: string;
  part: string;
  kind?: string;
}

export interface Choice {
  /** What takes the place of what is being typed. */
  text: string;
  title: string;
  note: string;
}

const KINDS: Record<string, string> = {
  lora: "lora",
  loras: "lora",
  model: "model",
  checkpoint: "model",
  profile: "profile",
  profiles: "profile",
  story: "story",
  tool: "tool",
  wildcard: "wildcard",
  choice: "wildcard",
};
const FLAGS = ["yes", "no"];
const VALUES: Record<string, string[]> = {
  favourite: FLAGS,
  reject: FLAGS,
  broken: FLAGS,
  missing: FLAGS,
  date: ["today", "yesterday", "week"],
  format: ["png", "jpeg", "webp", "avif"],
  sort: ["date", ...SORTS.map(({ value }) => value).filter(Boolean)],
};
const KEYS: [string, string][] = [
  ["lora:", "a part of its name"],
  ["model:", "a part of its name"],
  ["wildcard:", "a value that was drawn"],
  ["profile:", "a character or style"],
  ["story:", "a part of its name"],
  ["tool:", "the program"],
  ["favourite:", "yes or no"],
  ["reject:", "yes or no"],
  ["broken:", "cannot be shown"],
  ["missing:", "its file is gone"],
  ["date:", "today, 2026-11"],
  ["format:", "png, jpeg, webp"],
  ["name:", "a part of the file's name"],
  ["seed:", "a number"],
  ["run:", "the beginning of its id"],
  ["score>", "0 to 1"],
  ["rating>=", "stars"],
  ["width>", "pixels"],
  ["height>", "pixels"],
  ["sort:", "date, score, rating"],
];
const TYPED = /(?:^|\s)(-?)(?:([A-Za-z_]+):)?("[^"]*|[^\s"]*)$/;

/** Null in quotes that are no value of a key, behind a comparison, and where the caret stands inside of a word. */
export function typedAt(text: string, caret: number): Typed | null {
  if (/^[^\s]/.test(text.slice(caret))) return null;
  const before = text.slice(0, caret);
  const match = TYPED.exec(before);
  if (!match) return null;
  const [, minus = "", key = "", value = ""] = match;
  // A quote that is open before this word has it inside.
  const start = caret - minus.length - (key ? key.length + 1 : 0) - value.length;
  if (before.slice(0, start).split('"').length % 2 === 0 || (!key && !/^[A-Za-z_]+$/.test(value))) return null;
  const known = key.toLowerCase();
  return { start, minus, key: known, part: value.replace(/^"/, ""), kind: value.includes("|") ? undefined : KINDS[known] };
}

/** What the page itself knows: keys, and the values of those that take few. */
export function choicesOf({ minus, key, part }: Typed): Choice[] {
  const begun = part.toLowerCase();
  if (!key) return KEYS.filter(([name]) => name.startsWith(begun)).map(([name, note]) => ({ text: minus + name, title: minus + name, note }));
  return (VALUES[key] ?? []).filter((value) => value.startsWith(begun) && value !== begun).map((value) => ({ text: `${minus}${key}:${value} `, title: value, note: "" }));
}

export function nameChoice({ minus, key }: Typed, name: string, count: number): Choice {
  const written = key === "wildcard" || key === "choice" ? name.replace("#", "=") : name;
  return { text: `${minus}${term(key, written)} `, title: written, note: count.toLocaleString() };
}

/** The query with the choice in the place of what was typed, and where the caret stands then. */
export function completed(text: string, typed: Typed, caret: number, choice: Choice): [text: string, caret: number] {
  const rest = text.slice(caret);
  const added = choice.text.endsWith(" ") && rest.startsWith(" ") ? choice.text.slice(0, -1) : choice.text;
  return [text.slice(0, typed.start) + added + rest, typed.start + added.length];
}
