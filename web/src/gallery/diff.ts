// What differs between two prompts, word by word.

export interface Piece {
  text: string;
  kind: "same" | "del" | "ins";
}

const MOST = 700; // words; the table of two such texts has half a million entries

/** Words, and what is between them, so that joining gives the text again. */
export function wordsOf(text: string): string[] {
  return text.match(/[\p{L}\p{N}_'’.-]+|\s+|[^\s\p{L}\p{N}]/gu) ?? [];
}

/** From `before` to `after`; the pieces that are not "ins" join to `before`, those that are not "del" to `after`. */
export function differenceOf(before: string, after: string): Piece[] {
  const a = wordsOf(before);
  const b = wordsOf(after);
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const middle = between(a.slice(start, a.length - end), b.slice(start, b.length - end));
  return joined([
    ...a.slice(0, start).map((text): Piece => ({ text, kind: "same" })),
    ...middle,
    ...a.slice(a.length - end).map((text): Piece => ({ text, kind: "same" })),
  ]);
}

/** The longest common subsequence, by the usual table. */
function between(a: string[], b: string[]): Piece[] {
  const all = (words: string[], kind: Piece["kind"]) => words.map((text): Piece => ({ text, kind }));
  if (!a.length || !b.length || a.length > MOST || b.length > MOST) return [...all(a, "del"), ...all(b, "ins")];
  const width = b.length + 1;
  const table = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      table[i * width + j] =
        a[i] === b[j]
          ? table[(i + 1) * width + j + 1]! + 1
          : Math.max(table[(i + 1) * width + j]!, table[i * width + j + 1]!);
  const pieces: Piece[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      pieces.push({ text: a[i++]!, kind: "same" });
      j++;
    } else if (table[(i + 1) * width + j]! >= table[i * width + j + 1]!) pieces.push({ text: a[i++]!, kind: "del" });
    else pieces.push({ text: b[j++]!, kind: "ins" });
  }
  return [...pieces, ...all(a.slice(i), "del"), ...all(b.slice(j), "ins")];
}

/** Neighbours of one kind as one piece; within a change, what goes before what comes. */
function joined(pieces: Piece[]): Piece[] {
  const result: Piece[] = [];
  let del = "";
  let ins = "";
  const flush = () => {
    if (del) result.push({ text: del, kind: "del" });
    if (ins) result.push({ text: ins, kind: "ins" });
    del = ins = "";
  };
  for (const [at, { text, kind }] of pieces.entries()) {
    if (kind === "del") del += text;
    else if (kind === "ins") ins += text;
    else if ((del || ins) && /^\s+$/.test(text) && pieces[at + 1] && pieces[at + 1]!.kind !== "same") {
      // A space between two changed words is part of the change: "red fox" → "blue owl" is one change, not two.
      del += text;
      ins += text;
    } else {
      flush();
      const last = result.at(-1);
      if (last?.kind === "same") last.text += text;
      else result.push({ text, kind });
    }
  }
  flush();
  return result;
}
