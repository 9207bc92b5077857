// What an option's JSON Schema says of its field: which kind it is, what one may type, and what that means as a value.

import { isObject } from "./pipeline";

export interface Schema {
  type?: string;
  title?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  anyOf?: Schema[];
  items?: Schema;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  maxItems?: number;
  properties?: Record<string, Schema>;
  required?: string[];
  $ref?: string;
  $defs?: Record<string, Schema>;
  /** Names that there are in this place: checkpoints, profiles… Others may be typed too. */
  "x-choices"?: unknown[];
  [other: string]: unknown;
}

export type Kind = "line" | "text" | "integer" | "number" | "flag" | "choice" | "list" | "json";

export interface Field {
  name: string;
  title: string;
  help: string;
  kind: Kind;
  /** The schema of its value, null left aside. */
  schema: Schema;
  /** The value that leaving it out means. */
  usual: unknown;
  /** null is a value of it: to leave it unset says something. */
  canBeNull: boolean;
  choices: unknown[];
}

/** What was typed: a value, or why it is none; a value that is out of bounds is both. */
export type Read = { value: unknown; problem?: string } | { problem: string };

/** The fields of an options schema, in its order. */
export function fieldsOf(schema: Schema): Field[] {
  return Object.entries(schema.properties ?? {}).map(([name, own]) => fieldOf(name, own, schema.$defs ?? {}));
}

export function fieldOf(name: string, given: Schema, defs: Record<string, Schema> = {}): Field {
  const { schema, canBeNull } = withoutNull(resolved(given, defs), defs);
  const kind = kindOf(name, schema);
  return {
    name,
    title: titleOf(name, given.title),
    help: given.description ?? schema.description ?? "",
    kind,
    schema,
    usual: given.default !== undefined ? given.default : kind === "json" ? {} : undefined,
    canBeNull,
    choices: given["x-choices"] ?? schema["x-choices"] ?? schema.items?.["x-choices"] ?? schema.enum ?? [],
  };
}

function resolved(schema: Schema, defs: Record<string, Schema>): Schema {
  const name = schema.$ref?.match(/\/\$defs\/([^/]+)$/)?.[1];
  const found = name ? defs[name] : undefined;
  return found ? { ...found, ...schema, $ref: undefined } : schema;
}

function withoutNull(schema: Schema, defs: Record<string, Schema>): { schema: Schema; canBeNull: boolean } {
  const ways = (schema.anyOf ?? []).map((one) => resolved(one, defs));
  const others = ways.filter((one) => one.type !== "null");
  if (ways.length === 0) return { schema, canBeNull: false };
  const [only] = others;
  return { schema: others.length === 1 && only ? only : schema, canBeNull: others.length < ways.length };
}

const LONG = /template|instruction|outfit|prompt|text|description/;

function kindOf(name: string, schema: Schema): Kind {
  if (schema.enum || schema.const !== undefined) return "choice";
  if (schema.type === "boolean") return "flag";
  if (schema.type === "integer") return "integer";
  if (schema.type === "number") return "number";
  if (schema.type === "string") return LONG.test(name) || (schema.maxLength ?? 0) >= 2000 ? "text" : "line";
  if (schema.type === "array" && isScalar(schema.items)) return "list";
  return "json";
}

const isScalar = (schema: Schema | undefined) => !!schema && ["string", "integer", "number"].includes(schema.type ?? "");

/** negative_template → Negative template; titles that a person wrote stay. */
export function titleOf(name: string, title?: string): string {
  const plain = name.replaceAll("_", " ");
  if (title && title.toLowerCase() !== plain.toLowerCase()) return title;
  const words = plain.charAt(0).toUpperCase() + plain.slice(1);
  return words.replace(/\b(vae|cfg|clip|llm)\b/gi, (word) => word.toUpperCase()).replace(/\bloras?\b/gi, (word) =>
    /s$/i.test(word) ? "LoRAs" : "LoRA",
  );
}

/** How a value stands in its field. */
export function written(field: Field, value: unknown): string {
  if (value === undefined || value === null) return "";
  if (field.kind === "list" && Array.isArray(value)) return value.join("\n");
  if (field.kind === "json" || typeof value === "object") return JSON.stringify(value, null, 2);
  return String(value);
}

/** What was typed, as a value; `undefined` leaves the option out. */
export function read(field: Field, text: string): Read {
  const blank = text.trim() === "";
  switch (field.kind) {
    case "integer":
    case "number":
      return blank ? { value: undefined } : number(field, text.trim());
    case "list":
      return blank ? { value: undefined } : list(field, text);
    case "json":
      return blank ? { value: undefined } : json(field, text);
    case "choice":
      return { value: field.choices.find((choice) => String(choice) === text) ?? text };
    case "flag":
      return { value: text === "true" };
    default:
      return string(field, text);
  }
}

/** The same, but what is as usual is left out. */
export function kept(field: Field, text: string): Read {
  const found = read(field, text);
  return "value" in found && isUsual(field, found.value) ? { value: undefined } : found;
}

function isUsual(field: Field, value: unknown): boolean {
  return value === field.usual || (field.usual === undefined && value === "");
}

function string({ schema }: Field, text: string): Read {
  if (schema.maxLength !== undefined && text.length > schema.maxLength)
    return { value: text, problem: `${text.length - schema.maxLength} characters too many: ${schema.maxLength} are the most.` };
  if (text.length < (schema.minLength ?? 0)) return { value: text, problem: "It cannot be empty." };
  return { value: text };
}

function number(field: Field, text: string): Read {
  const whole = field.kind === "integer";
  const value = Number(text.replace(",", "."));
  if (!Number.isFinite(value) || !/^[-+\d.,eE]+$/.test(text)) return { problem: "A number is wanted." };
  if (whole && !Number.isInteger(value)) return { problem: "A whole number is wanted." };
  if (whole && !Number.isSafeInteger(value)) return { problem: "A browser cannot hold a whole number as large as that exactly." };
  return bounds(field.schema, value) ?? { value };
}

function bounds({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Schema, value: number): Read | null {
  const low = minimum !== undefined && value < minimum;
  const high = maximum !== undefined && value > maximum;
  if (low || high) return { value, problem: `From ${shown(minimum)} to ${shown(maximum)}.` };
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) return { value, problem: `More than ${exclusiveMinimum}.` };
  if (exclusiveMaximum !== undefined && value >= exclusiveMaximum) return { value, problem: `Less than ${exclusiveMaximum}.` };
  return null;
}

const shown = (bound: number | undefined) => (bound === undefined ? "…" : bound > 1e15 ? "any" : bound.toLocaleString("en"));

function list(field: Field, text: string): Read {
  const items = text.split("\n").map((line) => line.trim()).filter(Boolean);
  if (field.schema.maxItems !== undefined && items.length > field.schema.maxItems)
    return { problem: `${field.schema.maxItems} lines are the most.` };
  if (field.schema.items?.type === "string") return { value: items };
  const own = fieldOf(field.name, field.schema.items!);
  const values: unknown[] = [];
  for (const [at, item] of items.entries()) {
    const found = read(own, item);
    if (!("value" in found)) return { problem: `Line ${at + 1}: ${found.problem}` };
    values.push(found.value);
  }
  return { value: values };
}

function json(field: Field, text: string): Read {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (reason) {
    return { problem: `This is no JSON yet: ${(reason as Error).message}` };
  }
  const { type } = field.schema;
  if (type === "object" && !isObject(value)) return { problem: "An object is wanted, as {\"name\": 1}." };
  if (type === "array" && !Array.isArray(value)) return { problem: "A list is wanted, as [1, 2]." };
  return { value };
}
