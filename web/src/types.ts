// What the API answers, as /orchestrator/v1/openapi.json says it.

export interface Card {
  id: number;
  key: string;
  revision: number;
  name: string;
  made_ms: number;
  tool: string;
  format: string;
  width: number;
  height: number;
  run_id: string;
  story: string;
  /** Names, with commas between. */
  profiles: string;
  model: string;
  /** As text: some have more digits than a number here holds. */
  seed: string;
  prompt: string;
  score: number | null;
  favourite: boolean;
  reject: boolean;
  rating: number;
  broken: string;
  missing: boolean;
}

export interface LoraUse {
  name: string;
  strength: number | null;
}

export interface Whole extends Card {
  negative: string;
  template: string;
  settings: Record<string, unknown>;
  loras: LoraUse[];
  path: string;
  added_ms: number;
  terms: { kind: string; name: string }[];
}

export interface Marks {
  favourite: boolean;
  reject: boolean;
  rating: number;
}

export type Fields = Partial<Marks>;

export interface Page {
  images: Card[];
  next: string | null;
  revision: number;
}

export interface Marked {
  images: Card[];
  step: number;
  taught: number;
  revision: number;
}

/** By the image's id and the field: what it is now, and what was to be set. */
export type Stale = Record<string, Record<string, { now: boolean | number; yours: boolean | number }>>;

export interface Changes {
  images: Card[];
  revision: number;
  more: boolean;
}

export interface Named {
  name: string;
  count: number;
}

export interface Facets {
  total: number;
  names: Record<string, Named[]>;
  marks: Record<string, number>;
}

export interface Search {
  name: string;
  query: string;
}

export interface Folders {
  folders: { path: string; images: number | null }[];
  offered: { name: string; path: string }[];
  indexing: { running: boolean; done: number; total: number; read: number; message: string };
}

export interface Word {
  text: string;
  origin: string;
  label: string;
  wildcard: string;
  value: string;
  score: number | null;
  /** How many times likelier it is by what was learned. */
  times: number | null;
}

export interface Taught {
  values: { slot: string; value: string; profile: string; before: number; after: number; why: string }[];
  is_learning: boolean;
  notice: string;
}

export interface Slot {
  slot: string;
  value: string;
}

/** `away`: why nothing is rendered there just now; "" where it can be. */
export interface Target {
  name: string;
  title: string;
  away: string;
}

export interface Workflow {
  workflow: Record<string, unknown> | null;
  source?: string;
  warnings: string[];
}

export interface Story {
  name: string;
  images: number;
  cards: Card[];
}

export interface GridEntry {
  id: string;
  title: string;
  made_ms: number;
}

export interface GridCell {
  prompt: number;
  seed: number;
  image: Card | null;
  score: number | null;
}

export interface GridRow {
  lora: string;
  strength: number;
  score: number | null;
  low: number | null;
  high: number | null;
  image: Card | null;
  cells: GridCell[];
}

export interface LoraGrid {
  id: string;
  title: string;
  axes: { loras: string[]; strengths: number[]; prompts: string[]; seeds: number[] };
  rows: GridRow[];
}

export interface Place {
  name: string;
  url: string;
}

export interface Posted {
  posted: number[];
  /** Those that were posted there earlier. */
  before: number[];
  failed: { image: number; message: string }[];
}

export interface Job {
  id: string;
  number?: number;
  state: string;
  title?: string;
  [field: string]: unknown;
}
