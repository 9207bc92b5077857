// A pipeline while it is being built is the file's own JSON.
// What the builder does not know is kept, so that a file comes back as it was but for what was changed.

export interface Axis {
  vary: string;
  values?: unknown[] | null;
  first?: number;
  count?: number;
}

export interface Stage {
  id: string;
  type: string;
  options?: Record<string, unknown>;
  enabled?: boolean;
  when?: string;
  needs?: string[] | null;
  on_error?: string;
  tries?: number;
  wait_s?: number;
  then?: string;
  fallback?: Record<string, unknown>;
  [other: string]: unknown;
}

export type Point = [number, number];

export interface Pipeline {
  schema_version?: number;
  name?: string;
  description?: string;
  stages: Stage[];
  batch?: (Axis | Axis[])[];
  layout?: Record<string, Point>;
  [other: string]: unknown;
}

export const SCHEMA_VERSION = 2;
const MOST_STAGES = 200;

export const empty = (): Pipeline => ({ schema_version: SCHEMA_VERSION, stages: [] });

/** The pipeline of a file's JSON; a list of stages is one too. Throws what is wrong, in a sentence. */
export function pipelineFrom(data: unknown): Pipeline {
  const whole = Array.isArray(data) ? { schema_version: SCHEMA_VERSION, stages: data as unknown[] } : data;
  if (!isObject(whole) || !Array.isArray(whole.stages)) throw new Error("This is no pipeline: it has no list of stages.");
  const stages = whole.stages as unknown[];
  if (stages.length > MOST_STAGES) throw new Error(`It has ${stages.length} stages, and ${MOST_STAGES} are the most.`);
  const ids = new Set<string>();
  stages.forEach((stage, at) => {
    if (!isObject(stage) || typeof stage.id !== "string" || !stage.id || typeof stage.type !== "string")
      throw new Error(`Stage ${at + 1} has no "id" or no "type".`);
    if (ids.has(stage.id)) throw new Error(`Two stages are called '${stage.id}'. Each needs an id of its own.`);
    ids.add(stage.id);
  });
  return whole as unknown as Pipeline;
}

/** As a file holds it. */
export function fileText(pipeline: Pipeline): string {
  return JSON.stringify({ schema_version: SCHEMA_VERSION, ...pipeline }, null, 2) + "\n";
}

/** With the types' own names, for what a file may write otherwise: select_loras. */
export function withTypes(pipeline: Pipeline, known: readonly string[]): Pipeline {
  const folded = (text: string) => text.replace(/[\s_-]/g, "").toLowerCase();
  const named = (given: string) => known.find((name) => folded(name) === folded(given)) ?? given;
  return { ...pipeline, stages: pipeline.stages.map((stage) => ({ ...stage, type: named(stage.type) })) };
}

// values

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether two JSON values say the same, whatever the order of their fields. */
export function equal(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (Array.isArray(one) && Array.isArray(other))
    return one.length === other.length && one.every((value, at) => equal(value, other[at]));
  if (!isObject(one) || !isObject(other)) return false;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => name in other && equal(one[name], other[name]));
}

export function same(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((value, at) => value === other[at]);
}

/** With these fields others; `undefined` takes one away. */
export function changed(given: object, fields: object): Record<string, unknown> {
  const next: Record<string, unknown> = { ...given };
  for (const [name, value] of Object.entries(fields))
    if (value === undefined) delete next[name];
    else next[name] = value;
  return next;
}

export function without(stage: Stage, name: string): Stage {
  return changed(stage, { [name]: undefined }) as Stage;
}
