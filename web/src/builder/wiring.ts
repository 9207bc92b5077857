// What goes on from what. A stage that says nothing goes on from the one before it in the list; whatever is changed here,
// a file says it in as few words as it can.

import { type Pipeline, same, type Stage, without } from "./pipeline";

export type Needs = Map<string, string[]>;

/** What each stage goes on from: what it says, or else the one before it in the list. */
export function needsOf(stages: readonly Stage[]): Needs {
  return new Map(stages.map((stage, at) => [stage.id, Array.isArray(stage.needs) ? stage.needs : before(stages, at)]));
}

function before(stages: readonly Stage[], at: number): string[] {
  const one = stages[at - 1];
  return one ? [one.id] : [];
}

/** The stages with these needs, which are left out where the order of the list says the same. */
export function rewired(stages: readonly Stage[], wanted: Needs): Stage[] {
  return stages.map((stage, at) => {
    const implied = before(stages, at);
    const want = wanted.get(stage.id) ?? implied;
    if (Array.isArray(stage.needs) && same(stage.needs, want)) return stage;
    if (!same(want, implied)) return { ...stage, needs: want };
    return stage.needs === undefined || stage.needs === null ? stage : without(stage, "needs");
  });
}

/** In the order in which they run: as written, but for stages that wait for a later one. What waits in a circle is last. */
export function ordered(stages: readonly Stage[], needs: Needs = needsOf(stages)): Stage[] {
  const waiting = [...stages];
  const ids = new Set(stages.map((stage) => stage.id));
  const done: Stage[] = [];
  const isDone = new Set<string>();
  while (waiting.length) {
    const at = waiting.findIndex((stage) => needs.get(stage.id)!.every((need) => isDone.has(need) || !ids.has(need)));
    if (at < 0) return [...done, ...waiting];
    const [stage] = waiting.splice(at, 1);
    done.push(stage!);
    isDone.add(stage!.id);
  }
  return done;
}

/** All that go on from a stage, directly or not. */
export function following(stages: readonly Stage[], id: string): Set<string> {
  const needs = needsOf(stages);
  const found = new Set<string>();
  const look = [id];
  while (look.length) {
    const one = look.pop()!;
    for (const stage of stages)
      if (!found.has(stage.id) && needs.get(stage.id)!.includes(one)) {
        found.add(stage.id);
        look.push(stage.id);
      }
  }
  return found;
}

/** Why `to` cannot go on from `from`, in a sentence; "" where it can. */
export function whyNot(pipeline: Pipeline, from: string, to: string): string {
  if (from === to) return `'${from}' cannot go on from itself.`;
  const needs = needsOf(pipeline.stages);
  if (needs.get(to)?.includes(from)) return `'${to}' goes on from '${from}' already.`;
  const way = wayBetween(pipeline.stages, to, from);
  return way ? `That would go round in a circle: ${[...way, to].join(" → ")}.` : "";
}

/** The ids from one stage to another, along what goes on from what; null where there is no way. */
function wayBetween(stages: readonly Stage[], from: string, to: string): string[] | null {
  const needs = needsOf(stages);
  const cameFrom = new Map<string, string>([[from, ""]]);
  const look = [from];
  while (look.length) {
    const one = look.shift()!;
    if (one === to) break;
    for (const stage of stages)
      if (!cameFrom.has(stage.id) && needs.get(stage.id)!.includes(one)) {
        cameFrom.set(stage.id, one);
        look.push(stage.id);
      }
  }
  if (!cameFrom.has(to)) return null;
  const way: string[] = [];
  for (let at = to; at; at = cameFrom.get(at)!) way.unshift(at);
  return way;
}

export function connect(pipeline: Pipeline, from: string, to: string): Pipeline {
  if (whyNot(pipeline, from, to)) return pipeline;
  const needs = needsOf(pipeline.stages);
  needs.set(to, [...needs.get(to)!, from]);
  return { ...pipeline, stages: rewired(ordered(pipeline.stages, needs), needs) };
}

export function disconnect(pipeline: Pipeline, from: string, to: string): Pipeline {
  const needs = needsOf(pipeline.stages);
  const left = needs.get(to)?.filter((need) => need !== from);
  return left ? { ...pipeline, stages: rewired(pipeline.stages, needs.set(to, left)) } : pipeline;
}

/** The same needs with this one first: the first gives the prompt. */
export function promptFrom(pipeline: Pipeline, from: string, to: string): Pipeline {
  const needs = needsOf(pipeline.stages);
  const others = needs.get(to)!.filter((need) => need !== from);
  return { ...pipeline, stages: rewired(pipeline.stages, needs.set(to, [from, ...others])) };
}
