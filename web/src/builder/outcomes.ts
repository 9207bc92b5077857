// What became of each stage, as its node shows it: of a job that runs or has run, or of a dry run.

import type { Progress } from "./following";
import { equal, type Pipeline, type Stage } from "./pipeline";
import type { Schema } from "./schema";
import type { JobImage, JobWhole, Plan, StageKind } from "./server";
import { following, needsOf, ordered } from "./wiring";

export type State = "waiting" | "running" | "done" | "skipped" | "failed" | "planned";

export interface Outcome {
  state: State;
  /** What became of it in the pipeline's own words: done, cached, kept, off, asks, renders… */
  word: string;
  note: string;
  seconds: number;
  /** The prompt before and behind it; null where nothing is known yet. */
  before: string;
  after: string | null;
  loras: { name: string; strength?: number }[];
  images: JobImage[];
  /** 0 to 1, or null where nobody says. */
  progress: number | null;
}

export type Outcomes = ReadonlyMap<string, Outcome>;
const NOTHING: Outcome = {
  state: "waiting", word: "", note: "", seconds: 0, before: "", after: null, loras: [], images: [], progress: null,
}; // prettier-ignore

export function ofJob(job: JobWhole, progress: Progress | null): Outcomes {
  const found = new Map<string, Outcome>();
  const needs = needsOf(job.pipeline.stages);
  const steps = new Map(job.steps.map((step) => [step.stage, step]));
  const hasEnded = ["done", "failed", "cancelled"].includes(job.state);
  for (const stage of ordered(job.pipeline.stages)) {
    const step = steps.get(stage.id);
    const first = needs.get(stage.id)![0];
    const before = (first && (found.get(first)?.after ?? steps.get(first)?.positive)) || "";
    const isHere = job.state === "running" && (progress?.stage ?? job.stage) === stage.id;
    const base = { ...NOTHING, before };
    if (!step || step.state === "started") {
      const isStuck = !isHere && hasEnded && job.state === "failed" && (step !== undefined || job.stage === stage.id);
      const note = isStuck ? job.error : "";
      const state: State = isStuck ? "failed" : isHere || (step && !hasEnded && job.state === "running") ? "running" : "waiting";
      found.set(stage.id, { ...base, state, note, word: state === "waiting" && hasEnded ? "" : state, progress: isHere ? shareOf(progress) : null });
      continue;
    }
    const word = step.state === "kept" ? "kept" : step.outcome;
    found.set(stage.id, {
      ...base,
      state: stateOf(step.outcome),
      word,
      note: step.note,
      seconds: step.seconds,
      after: step.positive,
      loras: step.loras.map(({ name, strength_model }) => ({ name, strength: strength_model })),
      images: stage.type === "dispatch" ? job.images : [],
    });
  }
  return found;
}

function stateOf(outcome: string): State {
  if (outcome === "failed") return "failed";
  return outcome === "skipped" || outcome === "off" ? "skipped" : "done";
}

function shareOf(progress: Progress | null): number | null {
  const { step, steps } = progress ?? {};
  return typeof step === "number" && typeof steps === "number" && steps > 0 ? Math.min(1, step / steps) : null;
}

export function ofPlan(pipeline: Pipeline, item: Plan["items"][number]): Outcomes {
  const needs = needsOf(pipeline.stages);
  const found = new Map<string, Outcome>();
  for (const stage of item.stages) {
    const first = needs.get(stage.id)?.[0];
    const isOut = stage.state === "skipped" || stage.state === "off";
    found.set(stage.id, {
      ...NOTHING,
      state: isOut ? "skipped" : stage.state === "failed" ? "failed" : "planned",
      word: stage.state,
      note: stage.detail,
      before: (first && found.get(first)?.after) || "",
      after: stage.positive,
      loras: stage.loras.map((name) => ({ name })),
    });
  }
  return found;
}

/** A stage's options that differ from those that a job ran with, as a rerun takes them: what was taken out gets its usual
 * value. Neither a seed that the queue gave by chance nor what the batch varies is a change. */
export function changedOptions(pipeline: Pipeline, id: string, job: JobWhole, kind?: StageKind): Record<string, unknown> {
  const one = optionsOf(pipeline, id);
  const other = optionsOf(job.pipeline, id);
  const varied = variedBy(pipeline);
  const names = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  const value = (options: Record<string, unknown>, name: string) =>
    name in options ? options[name] : usualOf(kind?.schema.properties?.[name]);
  const isGiven = (name: string) => (name === "seed" && !("seed" in one)) || varied.includes(`${id}.${name}`);
  const changed = names.filter((name) => !isGiven(name) && !equal(value(one, name), value(other, name)));
  return Object.fromEntries(changed.map((name) => [name, value(one, name)]));
}

function optionsOf(pipeline: Pipeline, id: string): Record<string, unknown> {
  return pipeline.stages.find((stage) => stage.id === id)?.options ?? {};
}

function usualOf(schema: Schema | undefined): unknown {
  return schema?.default ?? (schema?.type === "object" ? {} : null);
}

/** The pipeline as it is now, as the one item of its batch that the job was. */
export function itemOf(pipeline: Pipeline, job: JobWhole): Pipeline {
  const { batch: _, ...one } = pipeline;
  const varied = variedBy(pipeline);
  const stages = pipeline.stages.map((stage) => {
    const then = optionsOf(job.pipeline, stage.id);
    const given = Object.entries(then).filter(([name]) => varied.includes(`${stage.id}.${name}`));
    return given.length ? { ...stage, options: { ...stage.options, ...Object.fromEntries(given) } } : stage;
  });
  return { ...one, stages };
}

/** What runs beside the stage and what goes on from it, in a sentence, since it is not what ran; "" where nothing does. */
export function runsToo(pipeline: Pipeline, job: JobWhole, id: string, kinds: ReadonlyMap<string, StageKind>): string {
  const again = following(pipeline.stages, id).add(id);
  const changed = changedSince(pipeline, job, kinds).filter((one) => !again.has(one));
  const behind = new Set(changed.flatMap((one) => [...following(pipeline.stages, one)]).filter((one) => !again.has(one) && !changed.includes(one)));
  if (!changed.length) return "";
  const said = changed.length === 1 ? `${changed[0]} has changed since that run, so it runs too` : `${changed.join(", ")} have changed since that run, so they run too`;
  return behind.size ? `${said}, and with ${changed.length === 1 ? "it" : "them"} ${[...behind].join(", ")}.` : `${said}.`;
}

/** The stages that are not what the job ran. */
export function changedSince(pipeline: Pipeline, job: JobWhole, kinds: ReadonlyMap<string, StageKind>): string[] {
  const then = new Map(job.pipeline.stages.map((stage) => [stage.id, stage]));
  const [needs, before] = [needsOf(pipeline.stages), needsOf(job.pipeline.stages)];
  return pipeline.stages
    .filter((stage) => {
      const was = then.get(stage.id);
      if (!was || was.type !== stage.type || !equal(flowOf(stage), flowOf(was))) return true;
      if (!equal(needs.get(stage.id), before.get(stage.id))) return true;
      return Object.keys(changedOptions(pipeline, stage.id, job, kinds.get(stage.type))).length > 0;
    })
    .map((stage) => stage.id);
}

function variedBy(pipeline: Pipeline): string[] {
  const usual: Record<string, [string, string]> = {
    seeds: ["generatePrompt", "seed"],
    templates: ["generatePrompt", "template"],
    profiles: ["generatePrompt", "profiles"],
    loras: ["selectLoras", "include"],
  };
  return (pipeline.batch ?? []).flat().map(({ vary }) => {
    const [type, option] = usual[vary] ?? [];
    const stage = type && pipeline.stages.find((one) => one.type === type);
    return stage ? `${stage.id}.${option}` : vary;
  });
}

function flowOf(stage: Stage): Record<string, unknown> {
  const usual = { enabled: true, when: "", on_error: "fail", tries: 3, wait_s: 1, then: "fail", fallback: {} };
  return Object.fromEntries(Object.entries(usual).map(([name, value]) => [name, stage[name] ?? value]));
}
