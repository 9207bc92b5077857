// What is being worked on: the pipeline with its past and future, and whether it was saved. A reducer, so that each
// change is one step that can be taken back; typing in one field is one step.

import { empty, equal, type Pipeline } from "./pipeline";

export type Origin = "new" | "bundled" | "own";

export interface Work {
  pipeline: Pipeline;
  /** Under which it is saved, or was opened; "" for a new one. */
  name: string;
  origin: Origin;
  /** As it was when it was last opened or saved. */
  saved: Pipeline;
  past: Pipeline[];
  future: Pipeline[];
  /** How many were opened so far: another number is another pipeline to look at. */
  opened: number;
  /** What the last step changed: more of the same belongs to it. */
  last: string;
}

export type Step =
  | { do: "change"; to: (pipeline: Pipeline) => Pipeline; what?: string }
  | { do: "undo" }
  | { do: "redo" }
  | { do: "open"; pipeline: Pipeline; name: string; origin: Origin; isSaved?: boolean }
  | { do: "saved"; name: string; pipeline: Pipeline };

const MOST_STEPS = 200;

export function begun(pipeline: Pipeline = empty(), name = "", origin: Origin = "new"): Work {
  return { pipeline, name, origin, saved: pipeline, past: [], future: [], opened: 0, last: "" };
}

export function worked(work: Work, step: Step): Work {
  switch (step.do) {
    case "change":
      return changedBy(work, step.to(work.pipeline), step.what ?? "");
    case "undo": {
      const before = work.past.at(-1);
      if (!before) return work;
      const future = [work.pipeline, ...work.future];
      return { ...work, pipeline: before, past: work.past.slice(0, -1), future, last: "" };
    }
    case "redo": {
      const [after, ...future] = work.future;
      return after ? { ...work, pipeline: after, past: [...work.past, work.pipeline], future, last: "" } : work;
    }
    case "open":
      return {
        ...begun(step.pipeline, step.name, step.origin),
        saved: step.isSaved === false ? empty() : step.pipeline,
        opened: work.opened + 1,
      };
    case "saved":
      return { ...work, name: step.name, origin: "own", saved: step.pipeline, last: "" };
  }
}

function changedBy(work: Work, next: Pipeline, what: string): Work {
  if (next === work.pipeline) return work;
  const goesOn = what !== "" && what === work.last;
  const past = goesOn ? work.past : [...work.past, work.pipeline].slice(-MOST_STEPS);
  return { ...work, pipeline: next, past, future: [], last: what };
}

export const isDirty = (work: Work): boolean => !equal(work.pipeline, work.saved);

// What survives a reload: this browser keeps the last one.

const KEY = "orchestrator.builder";

export function stored(): Work | null {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "null") as Partial<Work> | null;
    if (!found?.pipeline || !Array.isArray(found.pipeline.stages)) return null;
    const { pipeline, name = "", origin = "new", saved = empty() } = found;
    return { ...begun(pipeline, name, origin), saved };
  } catch {
    return null; // storage is forbidden, or holds something else
  }
}

export function store({ pipeline, name, origin, saved }: Work): void {
  try {
    localStorage.setItem(KEY, JSON.stringify({ pipeline, name, origin, saved }));
  } catch {
    // It is full or forbidden: the page then asks before it is left.
  }
}
