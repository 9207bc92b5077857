// What the builder asks of the API.

import { ApiError, api, get, post, put, remove } from "../api";
import type { Workflow } from "../types";
import type { Pipeline } from "./pipeline";
import type { Schema } from "./schema";

export interface StageKind {
  type: string;
  title: string;
  summary: string;
  schema: Schema;
  reads: string[];
  writes: string[];
}

export interface Listed {
  name: string;
  origin: "bundled" | "own";
  description: string;
  stages: string[];
  items: number;
  problem: string;
}

export interface Checked {
  ok: boolean;
  message: string;
  items: number;
}

export interface StagePlanned {
  id: string;
  type: string;
  state: string;
  detail: string;
  positive: string;
  negative: string;
  seed: number;
  loras: string[];
  request: Record<string, unknown> | null;
}

export interface Plan {
  count: number;
  items: { number: number; values: Record<string, unknown>; stages: StagePlanned[] }[];
}

export type JobState = "waiting" | "running" | "held" | "done" | "failed" | "cancelled";

export interface JobShown {
  id: string;
  number: number;
  state: JobState;
  title: string;
  target: string;
  run_id: string;
  reason: string;
  error: string;
  stage: string;
  progress: Record<string, unknown>;
  is_stopping: boolean;
}

export interface StepShown {
  stage: string;
  type: string;
  state: "started" | "done" | "kept";
  outcome: string;
  note: string;
  seconds: number;
  positive: string | null;
  negative: string | null;
  loras: { name: string; strength_model: number }[];
  image_count: number;
}

export interface JobImage {
  id: string;
  run_id: string;
  name: string;
  file: string;
  is_there: boolean;
  sha256: string | null;
  width: number | null;
  height: number | null;
}

export interface JobWhole extends JobShown {
  pipeline: Pipeline;
  steps: StepShown[];
  images: JobImage[];
}

export const hasEnded = (state: JobState): boolean => state === "done" || state === "failed" || state === "cancelled";
/** What only a person moves on: it is no use to wait for it. */
export const isAtRest = (state: JobState): boolean => hasEnded(state) || state === "held";

const named = (name: string) => `pipelines/${encodeURIComponent(name)}`;
const jobOf = (job: string) => `jobs/${encodeURIComponent(job)}`;

export const stageKinds = () => get<{ stages: StageKind[] }>("stages").then(({ stages }) => stages);
export const pipelines = () => get<{ pipelines: Listed[] }>("pipelines").then((found) => found.pipelines);
export const opened = (name: string) =>
  get<{ name: string; origin: "bundled" | "own"; pipeline: Pipeline }>(named(name));
export const save = (name: string, pipeline: Pipeline) => put<{ pipeline: Pipeline }>(named(name), { pipeline });
export const takeAway = (name: string) => remove(named(name));
export const plan = (pipeline: Pipeline) => post<Plan>("pipelines:plan", { pipeline, items: 20 });
export const workflow = (pipeline: Pipeline) => post<Workflow>("pipelines:workflow", { pipeline });
/** Whether it can run. One that is no pipeline at all is refused, which says why as well. */
export async function check(pipeline: Pipeline, signal: AbortSignal): Promise<Checked> {
  try {
    return await api<Checked>("POST", "pipelines:check", { body: { pipeline }, signal });
  } catch (reason) {
    if (reason instanceof ApiError && reason.status === 422) return { ok: false, message: reason.message, items: 0 };
    throw reason;
  }
}

export const addJobs = (pipeline: Pipeline, target: string) =>
  post<{ count: number; jobs: JobShown[] }>("jobs", { pipeline, target, title: (pipeline.name ?? "").slice(0, 500) });
export const job = (id: string, signal?: AbortSignal) => get<JobWhole>(jobOf(id), {}, signal);
export const cancel = (id: string) => post<JobShown>(`${jobOf(id)}/cancel`, {});
export const retry = (id: string) => post<JobShown>(`${jobOf(id)}/retry`, {});
export const rerun = (id: string, stage: string, pipeline: Pipeline) => post<JobShown>(`${jobOf(id)}/rerun`, { stage, pipeline });
export interface QueueShown {
  is_paused: boolean;
  reason: string;
  workers: unknown[];
}

export const queue = () => get<QueueShown>("queue");
export const eventsOf = (id: string) => `${jobOf(id)}/events`;
