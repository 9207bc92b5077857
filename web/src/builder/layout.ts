// Where stages are drawn that nobody has put anywhere: in rows from top to bottom, each below what it goes on from.

import type { Pipeline, Point, Stage } from "./pipeline";
import { needsOf, ordered } from "./wiring";

export interface Size {
  width: number;
  height: number;
}

export const USUAL: Size = { width: 288, height: 104 };
const GAP_X = 36;
const GAP_Y = 44;

/** The top left corner of each stage: as the file has it, and for the others by themselves. */
export function positions(pipeline: Pipeline, sizes: ReadonlyMap<string, Size>): Map<string, Point> {
  const found = layered(pipeline.stages, sizes);
  for (const [id, at] of Object.entries(pipeline.layout ?? {}))
    if (found.has(id) && at.every(Number.isFinite)) found.set(id, at);
  return found;
}

export function layered(stages: readonly Stage[], sizes: ReadonlyMap<string, Size>): Map<string, Point> {
  const found = new Map<string, Point>();
  const needs = needsOf(stages);
  const middles = new Map<string, number>();
  let top = 0;
  for (const row of rows(stages)) {
    const wanted = row.map(({ id }) => mean(needs.get(id)!.flatMap((need) => middles.get(need) ?? [])) ?? 0);
    const order = row.map((_, at) => at).sort((one, other) => wanted[one]! - wanted[other]! || one - other);
    const widths = order.map((at) => (sizes.get(row[at]!.id) ?? USUAL).width);
    const placed = apart(order.map((at) => wanted[at]!), widths);
    let height = 0;
    order.forEach((at, place) => {
      const { id } = row[at]!;
      const size = sizes.get(id) ?? USUAL;
      middles.set(id, placed[place]!);
      found.set(id, [Math.round(placed[place]! - size.width / 2), Math.round(top)]);
      height = Math.max(height, size.height);
    });
    top += height + GAP_Y;
  }
  return found;
}

/** The stages by how many stand before them at most. */
function rows(stages: readonly Stage[]): Stage[][] {
  const needs = needsOf(stages);
  const depths = new Map<string, number>();
  const found: Stage[][] = [];
  for (const stage of ordered(stages)) {
    const depth = Math.max(-1, ...needs.get(stage.id)!.map((need) => depths.get(need) ?? -1)) + 1;
    depths.set(stage.id, depth);
    (found[depth] ??= []).push(stage);
  }
  return found;
}

/** Middles as near to the wanted ones as their widths allow, in the same order. */
function apart(wanted: number[], widths: number[]): number[] {
  const placed: number[] = [];
  wanted.forEach((want, at) => {
    const least = at ? placed[at - 1]! + (widths[at - 1]! + widths[at]!) / 2 + GAP_X : -Infinity;
    placed.push(Math.max(want, least));
  });
  const shift = mean(placed.map((place, at) => wanted[at]! - place)) ?? 0;
  return placed.map((place) => place + shift);
}

function mean(numbers: number[]): number | undefined {
  return numbers.length ? numbers.reduce((sum, one) => sum + one, 0) / numbers.length : undefined;
}
