// Where an image's bytes are, and what stands in for a thumbnail until it is there.

import { url } from "../api";
import type { Card } from "../types";

// Made once: a grid that is scrolled fast asks for hundreds in a second.
const IMAGES = url("gallery/images/");

export const thumbnail = (card: Card): string => `${IMAGES}${card.id}/thumbnail?v=${card.key}`;

export const file = (card: Card): string => `${IMAGES}${card.id}/file`;

/** A quiet colour of its own, out of the content's name. */
export const hueOf = (card: Card): number => parseInt(card.key.slice(0, 4), 16) % 360;
