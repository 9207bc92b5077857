// Where an image's bytes are, and what stands in for a thumbnail until it is there.

import { url } from "../api";
import type { Card } from "../types";

// Made once: a grid that is scrolled fast asks for hundreds in a second.
const IMAGES = url("gallery/images/");

export const thumbnail = (card: Card): string => `${IMAGES}${card.id}/thumbnail?v=${card.key}`;

export const file = (card: Card): string => `${IMAGES}${card.id}/file`;

/** A quiet colour of its own, out of the content's name. */
export const hueOf = (card: Card): number => parseInt(card.key.slice(0, 4), 16) % 360;

/** The shape of a cell (width / height) that wastes the least on these images: that of the one in the middle. */
export function shapeOf(sizes: { width: number; height: number }[]): number {
  const ratios = sizes.filter(({ width, height }) => width > 0 && height > 0).map(({ width, height }) => width / height);
  if (!ratios.length) return 1;
  const middle = ratios.sort((a, b) => a - b)[ratios.length >> 1]!;
  const shapes = [2 / 3, 3 / 4, 1, 4 / 3, 3 / 2];
  return shapes.reduce((best, shape) => (Math.abs(Math.log(shape / middle)) < Math.abs(Math.log(best / middle)) ? shape : best));
}
