// The axes of a batch as a person writes them: whole numbers as 1..8, or a value a line.

import type { Axis, Pipeline } from "./pipeline";

export interface AxisRow {
  vary: string;
  text: string;
  /** It goes on together with the row above; otherwise the two are multiplied. */
  joined: boolean;
  axis: Axis;
}

export function rowsOf(batch: Pipeline["batch"]): AxisRow[] {
  return (batch ?? []).flatMap((group) =>
    (Array.isArray(group) ? group : [group]).map((axis, at) => ({
      vary: axis.vary,
      text: textOf(axis),
      joined: at > 0,
      axis,
    })),
  );
}

export function batchOf(rows: readonly AxisRow[]): Pipeline["batch"] {
  const groups: Axis[][] = [];
  for (const { axis, joined } of rows) {
    const last = groups.at(-1);
    if (joined && last) last.push(axis);
    else groups.push([axis]);
  }
  return groups.length ? groups.map((group) => (group.length === 1 ? group[0]! : group)) : undefined;
}

export function textOf(axis: Axis): string {
  if (!axis.values) {
    const first = axis.first ?? 0;
    return axis.count ? `${first}..${first + axis.count - 1}` : "";
  }
  return axis.values.map((value) => (typeof value === "string" && !readsOtherwise(value) ? value : JSON.stringify(value))).join("\n");
}

export function axisOf(vary: string, text: string): Axis {
  const span = /^\s*(-?\d+)\s*\.\.\s*(-?\d+)\s*$/.exec(text);
  if (span) {
    const [first, last] = [Number(span[1]), Number(span[2])];
    if (last >= first) return { vary, first, count: last - first + 1 };
  }
  return { vary, values: text.split("\n").map(valueOf) };
}

/** "5" is a text, 5 a number, and what is no JSON a text as it stands. */
function valueOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return line;
  }
}

function readsOtherwise(text: string): boolean {
  return valueOf(text) !== text || /\n|^\s*-?\d+\s*\.\.\s*-?\d+\s*$/.test(text);
}

export function sizeOf(axis: Axis): number {
  return axis.values ? axis.values.length : (axis.count ?? 0);
}
