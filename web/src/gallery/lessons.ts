// What a change of odds is to a person: what can be seen of it counts, and not the last bit.

export type Way = "more" | "less" | "same";

export interface Change {
  before: string;
  after: string;
  way: Way;
}

export const SIGNS: Record<Way, string> = { more: "▲", less: "▼", same: "=" };

/** Both to the same place behind the point, so that what looks alike is alike. */
export function changeOf(before: number, after: number): Change {
  const digits = Math.min(before, after) < 0.1 ? 1 : 0;
  const shown = (share: number) => `${(share * 100).toFixed(digits)} %`;
  const [was, is] = [shown(before), shown(after)];
  return { before: was, after: is, way: was === is ? "same" : after > before ? "more" : "less" };
}
