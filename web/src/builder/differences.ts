// What a stage changed in a prompt, word by word.

export type Part = { kind: "same" | "gone" | "new"; text: string };

const WORDS = /\s+|[\p{L}\p{N}_'’-]+|[^\s\p{L}\p{N}]/gu;
const MOST = 700; // words on either side that are compared; what is longer is shown as it is

export function differences(before: string, after: string): Part[] {
  if (before === after) return after ? [{ kind: "same", text: after }] : [];
  const [one, other] = [before.match(WORDS) ?? [], after.match(WORDS) ?? []];
  let start = 0;
  while (start < one.length && start < other.length && one[start] === other[start]) start++;
  let end = 0;
  while (end < one.length - start && end < other.length - start && one.at(-1 - end) === other.at(-1 - end)) end++;
  const parts: Part[] = [];
  tell(parts, "same", one.slice(0, start));
  middle(parts, one.slice(start, one.length - end), other.slice(start, other.length - end));
  tell(parts, "same", one.slice(one.length - end));
  return parts;
}

function middle(parts: Part[], one: string[], other: string[]): void {
  if (one.length > MOST || other.length > MOST || !one.length || !other.length) {
    tell(parts, "gone", one);
    tell(parts, "new", other);
    return;
  }
  const lengths = commonLengths(one, other);
  let [at, place] = [0, 0];
  while (at < one.length || place < other.length) {
    if (at < one.length && place < other.length && one[at] === other[place]) {
      tell(parts, "same", [one[at]!]);
      at++;
      place++;
    } else if (place >= other.length || (at < one.length && lengths[at + 1]![place]! >= lengths[at]![place + 1]!)) {
      tell(parts, "gone", [one[at++]!]);
    } else {
      tell(parts, "new", [other[place++]!]);
    }
  }
}

/** Of the longest common subsequence of what is left behind each pair of places. */
function commonLengths(one: string[], other: string[]): Uint16Array[] {
  const rows = Array.from({ length: one.length + 1 }, () => new Uint16Array(other.length + 1));
  for (let at = one.length - 1; at >= 0; at--)
    for (let place = other.length - 1; place >= 0; place--)
      rows[at]![place] =
        one[at] === other[place]
          ? rows[at + 1]![place + 1]! + 1
          : Math.max(rows[at + 1]![place]!, rows[at]![place + 1]!);
  return rows;
}

function tell(parts: Part[], kind: Part["kind"], words: string[]): void {
  if (!words.length) return;
  const last = parts.at(-1);
  if (last?.kind === kind) last.text += words.join("");
  else parts.push({ kind, text: words.join("") });
}
