import { describe, expect, it } from "vitest";
import file from "../../../docs/pipeline.schema.json";
import { problemsOf } from "./problems";
import { type Field, fieldOf, fieldsOf, kept, read, type Schema, titleOf, written } from "./schema";

const published = file.$defs as unknown as Record<string, Schema>;
const types = ["generatePrompt", "followStory", "llmEnhance", "selectLoras", "dispatch", "scoreImages"];

describe.each(types)("%s", (type) => {
  const fields = fieldsOf(published[type]!);

  it("has a field for every option, made for its kind", () => {
    expect(fields.length).toBeGreaterThan(4);
    for (const field of fields) expect(field.kind === "json", field.name).toBe(field.schema.type === "object");
  });

  it("writes its usual values so that they are read as such", () => {
    for (const field of fields)
      if (field.usual !== undefined && field.usual !== null) {
        expect(read(field, written(field, field.usual)), field.name).toEqual({ value: field.usual });
        if (field.kind !== "json") expect(kept(field, written(field, field.usual)), field.name).toEqual({ value: undefined });
      }
  });
});

const of = (schema: Schema): Field => fieldOf("x", schema);

it.each([
  [{ type: "integer", minimum: 1, maximum: 9 }, "12", { value: 12, problem: "From 1 to 9." }],
  [{ type: "integer" }, "1.5", { problem: "A whole number is wanted." }],
  [{ type: "integer" }, "9007199254740993", { problem: expect.stringMatching(/exactly/) }],
  [{ type: "integer" }, "0x10", { problem: "A number is wanted." }],
  [{ type: "number" }, "0,5", { value: 0.5 }],
  [{ type: "number" }, " ", { value: undefined }],
  [{ type: "number" }, "1e999", { problem: "A number is wanted." }],
  [{ type: "number", exclusiveMinimum: 0 }, "0", { value: 0, problem: "More than 0." }],
  [{ type: "string", maxLength: 3 }, "four", { value: "four", problem: expect.stringMatching(/1 characters too many/) }],
  [{ type: "boolean" }, "true", { value: true }],
  [{ enum: ["a", 2] }, "2", { value: 2 }],
  [{ type: "array", items: { type: "string" } }, "a\n\n b ", { value: ["a", "b"] }],
  [{ type: "array", items: { type: "integer" } }, "1\nx", { problem: "Line 2: A number is wanted." }],
  [{ type: "object" }, "[1]", { problem: expect.stringMatching(/An object/) }],
  [{ type: "object" }, "{", { problem: expect.stringMatching(/no JSON yet/) }],
  [{ anyOf: [{ type: "integer", minimum: 0 }, { type: "null" }] }, "-1", { value: -1, problem: expect.stringMatching(/From 0/) }],
  [{ anyOf: [{ type: "integer" }, { type: "string" }] }, '"a"', { value: "a" }],
] as [Schema, string, unknown][])("reads %j: %j", (schema, text, found) => {
  expect(read(of(schema), text)).toEqual(found);
});

it("knows that null leaves an option unset, and follows a reference", () => {
  const field = fieldOf("x", { anyOf: [{ $ref: "#/$defs/N" }, { type: "null" }], default: null }, { N: { type: "integer" } });
  expect(field).toMatchObject({ kind: "integer", canBeNull: true, usual: null });
  expect(written(field, null)).toBe("");
});

it("offers what there is, and keeps what else was typed", () => {
  const field = of({ type: "string", "x-choices": ["euler"] });
  expect(field).toMatchObject({ kind: "line", choices: ["euler"] });
  expect(read(field, "mine")).toEqual({ value: "mine" });
});

it("names options as people do", () => {
  expect(titleOf("max_loras", "Max Loras")).toBe("Max LoRAs");
  expect(titleOf("cfg", "Cfg")).toBe("CFG");
  expect(titleOf("seed", "Image seed")).toBe("Image seed");
});

describe("what the server says is told at its place", () => {
  const pipeline = { stages: [{ id: "draw", type: "generatePrompt" }, { id: "it's", type: "dispatch" }] };
  it.each([
    ["Stage 'draw' (generatePrompt): seed: Input should be greater than or equal to 0", ["draw", "options.seed"]],
    ["Stage \"it's\" (dispatch): steps: Input should be less than 1", ["it's", "options.steps"]],
    ["Stage 'draw': there is no type 'paint'. There are: generatePrompt.", ["draw", "type"]],
    ["Stage 'draw', when: there is no stage 'drew'. Did you mean 'draw'?", ["draw", "when"]],
    ["This is no pipeline: stages.1.when: there is no name 'imags'", ["it's", "when"]],
    ["jobs.0.pipeline: This is no pipeline: stages.1: to fall back, 'fallback' must say which options", ["it's", "fallback"]],
    ["pipeline: This is no pipeline: batch: to vary loras, a stage selectLoras is needed", ["", "batch"]],
    ["This is no pipeline: stages: stage 'draw' needs 'x', and there is no such stage.", ["draw", "needs"]],
    ["Something else.", ["", ""]],
  ])("%s", (message, [stage, field]) => {
    expect(problemsOf(message, pipeline)).toMatchObject([{ stage, field }]);
  });

  it("each by itself where there are several", () => {
    const found = problemsOf("Stage 'draw' (generatePrompt): seed: Input should be a valid integer; method: Input should be 'random'", pipeline);
    expect(found.map((one) => one.field)).toEqual(["options.seed", "options.method"]);
  });
});
