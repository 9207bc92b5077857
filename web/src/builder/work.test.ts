import { describe, expect, it } from "vitest";
import { events } from "./events";
import { changedBehind, changedOptions, changedSince, ofJob, whyNoRerun } from "./outcomes";
import { type Pipeline } from "./pipeline";
import type { JobWhole, StageKind } from "./server";
import { begun, isDirty, type Work, worked } from "./work";
import { setOption } from "./edits";

const pipeline: Pipeline = { schema_version: 2, stages: [{ id: "draw", type: "generatePrompt" }, { id: "render", type: "dispatch" }] };

function steps(work: Work, ...all: Parameters<typeof worked>[1][]): Work {
  return all.reduce(worked, work);
}
const type = (text: string) => ({ do: "change" as const, to: (now: Pipeline) => setOption(now, "draw", "template", text), what: "draw.template" });

describe("work", () => {
  it("takes typing in one field back as one step, and does it again", () => {
    const typed = steps(begun(pipeline), type("a"), type("a fox"), { do: "change", to: (now) => ({ ...now, name: "X" }) });
    expect(typed.past).toHaveLength(2);
    const back = steps(typed, { do: "undo" }, { do: "undo" }, { do: "undo" });
    expect(back.pipeline).toEqual(pipeline);
    expect(isDirty(back)).toBe(false);
    expect(steps(back, { do: "redo" }, { do: "redo" }).pipeline).toEqual(typed.pipeline);
    expect(steps(back, type("an owl")).future).toEqual([]);
  });

  it("makes no step of a change that changes nothing", () => {
    expect(steps(begun(pipeline), { do: "change", to: (now) => now }).past).toEqual([]);
  });

  it("is saved as it then was, whatever was changed meanwhile", () => {
    const work = steps(begun(pipeline), type("a"), { do: "saved", name: "mine", pipeline });
    expect([work.name, work.origin, isDirty(work)]).toEqual(["mine", "own", true]);
  });
});

const kinds = new Map<string, StageKind>([
  ["dispatch", { type: "dispatch", title: "", summary: "", reads: [], writes: [], schema: { properties: { steps: { type: "integer", default: 20 } } } }],
]);
const step = (stage: string, more: object = {}) => ({ stage, type: "", state: "done" as const, outcome: "done", note: "", seconds: 1, positive: `by ${stage}`, negative: "", loras: [], image_count: 0, ...more });
const job = (more: Partial<JobWhole>): JobWhole => ({
  id: "j", number: 1, state: "running", title: "", target: "", run_id: "r", reason: "", error: "", stage: "", progress: {}, is_stopping: false,
  pipeline: { ...pipeline, stages: pipeline.stages.map((stage) => ({ ...stage, options: { seed: 7 } })) }, steps: [], images: [], ...more,
}); // prettier-ignore

describe("what became of stages", () => {
  it("is shown while the job runs: what is done, what runs and how far", () => {
    const found = ofJob(job({ steps: [step("draw")] }), { stage: "render", step: 3, steps: 12 });
    expect(found.get("draw")).toMatchObject({ state: "done", before: "", after: "by draw" });
    expect(found.get("render")).toMatchObject({ state: "running", progress: 0.25, before: "by draw", after: null });
  });

  it("tells the error at the stage that failed", () => {
    const failed = job({ state: "failed", error: "no model", stage: "render", steps: [step("draw"), step("render", { state: "started" })] });
    expect(ofJob(failed, null).get("render")).toMatchObject({ state: "failed", note: "no model" });
  });

  it("says kept of what a rerun has left as it was", () => {
    expect(ofJob(job({ steps: [step("draw", { state: "kept" })] }), null).get("draw")).toMatchObject({ state: "done", word: "kept" });
  });
});

describe("a rerun", () => {
  const ran = job({ state: "done", steps: [step("draw"), step("render")] });
  it("is given what differs, and the usual value of what was taken out", () => {
    expect(changedOptions(setOption(pipeline, "render", "steps", 8), "render", ran, kinds.get("dispatch"))).toEqual({ steps: 8 });
    const with8 = job({ pipeline: setOption(pipeline, "render", "steps", 8) });
    expect(changedOptions(pipeline, "render", with8, kinds.get("dispatch"))).toEqual({ steps: 20 });
  });

  it("takes what stands behind along, as it now is", () => {
    const both = setOption(setOption(pipeline, "draw", "template", "x"), "render", "steps", 8);
    expect(whyNoRerun(both, ran, "draw", kinds)).toBe("");
    expect(changedBehind(both, "draw", ran, kinds)).toEqual({ render: { steps: 8 } });
  });

  it("takes a seed that the queue gave for no change", () => {
    expect(changedSince(pipeline, ran, kinds)).toEqual([]);
    expect(whyNoRerun(pipeline, ran, "render", kinds)).toBe("");
  });

  it("is refused in words where more has changed than it could do again", () => {
    expect(whyNoRerun(setOption(pipeline, "draw", "template", "x"), ran, "render", kinds)).toMatch(/too: draw/);
    expect(whyNoRerun({ ...pipeline, stages: [...pipeline.stages].reverse() }, ran, "render", kinds)).toMatch(/goes on from what/);
    expect(whyNoRerun({ ...pipeline, stages: [pipeline.stages[0]!, { ...pipeline.stages[1]!, when: "images" }] }, ran, "draw", kinds)).toMatch(/More than options.*: render/);
    expect(whyNoRerun({ ...pipeline, stages: [...pipeline.stages, { id: "n", type: "t" }] }, ran, "n", kinds)).toMatch(/new since/);
  });
});

it("hears events that come in pieces", async () => {
  const text = ": hello\n\nid: 1\nevent: happened\ndata: {\"kind\":\"añ\"}\n\nevent: end\ndata: {}\n\n";
  const bytes = new TextEncoder().encode(text);
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (let at = 0; at < bytes.length; at += 5) controller.enqueue(bytes.slice(at, at + 5));
      controller.close();
    },
  });
  const heard = [];
  for await (const event of events(body)) heard.push(event);
  expect(heard).toEqual([{ name: "happened", data: { kind: "añ" } }, { name: "end", data: {} }]);
});
