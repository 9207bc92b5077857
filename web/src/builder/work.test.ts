import { describe, expect, it } from "vitest";
import { events } from "./events";
import { changedOptions, changedSince, itemOf, ofJob, runsToo } from "./outcomes";
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

  it("takes a seed that the queue gave for no change", () => {
    expect(changedSince(pipeline, ran, kinds)).toEqual([]);
    expect(runsToo(pipeline, ran, "render", kinds)).toBe("");
  });

  it("says nothing of what goes on from the stage, which runs anyway", () => {
    const both = setOption(setOption(pipeline, "draw", "template", "x"), "render", "steps", 8);
    expect(changedSince(both, ran, kinds)).toEqual(["draw", "render"]);
    expect(runsToo(both, ran, "draw", kinds)).toBe("");
  });

  it("says which stages before it run too, and with them what goes on from those", () => {
    const other = setOption(pipeline, "draw", "template", "x");
    expect(runsToo(other, ran, "render", kinds)).toBe("draw has changed since that run, so it runs too.");
    const stages = [...other.stages, { id: "more", type: "dispatch", needs: ["draw"] }, { id: "last", type: "dispatch", needs: ["more"] }];
    const two = job({ steps: [step("draw")], pipeline: { ...ran.pipeline, stages: [...ran.pipeline.stages, ...stages.slice(2)] } });
    expect(runsToo({ ...other, stages }, two, "render", kinds)).toBe("draw has changed since that run, so it runs too, and with it more, last.");
  });

  it("takes other wiring and a new stage for a change", () => {
    const between = { ...pipeline, stages: [pipeline.stages[0]!, { id: "n", type: "t" }, pipeline.stages[1]!] };
    expect(changedSince(between, ran, kinds)).toEqual(["n", "render"]);
    expect(runsToo(between, ran, "n", kinds)).toBe("");
    expect(runsToo(between, ran, "render", kinds)).toBe("n has changed since that run, so it runs too.");
  });

  it("carries the pipeline as the one item of its batch that the job was", () => {
    const batched: Pipeline = { ...setOption(pipeline, "render", "steps", 8), batch: [[{ vary: "seeds", over: [7, 8] } as never]] };
    const item = itemOf(batched, ran);
    expect(item.batch).toBeUndefined();
    expect(item.stages).toEqual([{ id: "draw", type: "generatePrompt", options: { seed: 7 } }, { id: "render", type: "dispatch", options: { steps: 8 } }]);
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
