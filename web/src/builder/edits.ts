// Every change of a pipeline, as a function from one to the next.

import { type Axis, changed, type Pipeline, type Stage, without } from "./pipeline";
import { type Needs, needsOf, ordered, rewired } from "./wiring";

/** What stages are called when they are added, by their type. */
const IDS: Record<string, string> = {
  generatePrompt: "draw",
  followStory: "scene",
  llmEnhance: "enhance",
  selectLoras: "loras",
  dispatch: "render",
  scoreImages: "score",
};

export function newStage(pipeline: Pipeline, type: string): Stage {
  return { id: freshId(pipeline.stages.map((stage) => stage.id), IDS[type] ?? type), type };
}

/** The name itself, or with a number where it is taken. */
export function freshId(taken: readonly string[], name: string): string {
  const base = name.replace(/-\d+$/, "");
  if (!taken.includes(name)) return name;
  for (let number = 2; ; number++) if (!taken.includes(`${base}-${number}`)) return `${base}-${number}`;
}

/** At the end of the list, going on from these. */
export function add(pipeline: Pipeline, stage: Stage, after: string[]): Pipeline {
  const stages = [...pipeline.stages, stage];
  return { ...pipeline, stages: rewired(stages, needsOf(pipeline.stages).set(stage.id, after)) };
}

/** What a stage that is added at the end goes on from. */
export function lastOf(pipeline: Pipeline): string[] {
  const last = ordered(pipeline.stages).at(-1);
  return last ? [last.id] : [];
}

/** Between two stages of which one goes on from the other. */
export function insert(pipeline: Pipeline, stage: Stage, from: string, to: string): Pipeline {
  const needs = needsOf(pipeline.stages);
  needs.set(to, needs.get(to)!.map((need) => (need === from ? stage.id : need))).set(stage.id, [from]);
  const at = pipeline.stages.findIndex((one) => one.id === from) + 1;
  const stages = [...pipeline.stages.slice(0, at), stage, ...pipeline.stages.slice(at)];
  return { ...pipeline, stages: rewired(stages, needs) };
}

/** Without these stages: what went on from one of them goes on from what it did. */
export function remove(pipeline: Pipeline, ids: readonly string[]): Pipeline {
  const gone = new Set(ids);
  const needs = needsOf(pipeline.stages);
  const through = (id: string, seen: string[]): string[] =>
    !gone.has(id) ? [id] : seen.includes(id) ? [] : needs.get(id)!.flatMap((need) => through(need, [...seen, id]));
  const wanted: Needs = new Map();
  const stages = pipeline.stages.filter((stage) => !gone.has(stage.id));
  for (const { id } of stages) wanted.set(id, [...new Set(needs.get(id)!.flatMap((need) => through(need, [])))]);
  const left: Pipeline = { ...pipeline, stages: rewired(stages, wanted) };
  if (left.batch) left.batch = axesWhere(left.batch, (axis) => !gone.has(stageOfAxis(axis)));
  if (left.batch?.length === 0) delete left.batch;
  if (left.layout) left.layout = Object.fromEntries(Object.entries(left.layout).filter(([id]) => !gone.has(id)));
  return left;
}

/** Copies of these, with ids of their own; among themselves they go on from one another as they did. */
export function paste(pipeline: Pipeline, given: readonly Stage[]): { pipeline: Pipeline; ids: string[] } {
  const taken = pipeline.stages.map((stage) => stage.id);
  const names = new Map<string, string>();
  for (const { id } of given) {
    names.set(id, freshId(taken, id));
    taken.push(names.get(id)!);
  }
  const needs = needsOf(pipeline.stages);
  const copies = given.map((stage) => ({ ...structuredClone(stage), id: names.get(stage.id)! }));
  for (const stage of copies) {
    const wanted = (Array.isArray(stage.needs) ? stage.needs : []).filter((need) => names.has(need));
    needs.set(stage.id, wanted.map((need) => names.get(need)!));
  }
  const bare = copies.map((stage) => without(stage, "needs"));
  const stages = rewired([...pipeline.stages, ...bare], needs);
  return { pipeline: { ...pipeline, stages }, ids: copies.map((stage) => stage.id) };
}

/** These stages as `paste` takes them: with their needs said, whatever stood before them. */
export function copied(pipeline: Pipeline, ids: readonly string[]): Stage[] {
  const needs = needsOf(pipeline.stages);
  return pipeline.stages.filter(({ id }) => ids.includes(id)).map((stage) => ({ ...stage, needs: needs.get(stage.id)! }));
}

// what a stage says

/** With these fields others; `undefined` takes one away. */
export function change(pipeline: Pipeline, id: string, fields: Partial<Stage>): Pipeline {
  const stages = pipeline.stages.map((stage) => (stage.id === id ? (changed(stage, fields) as Stage) : stage));
  return { ...pipeline, stages };
}

export function changeWhole(pipeline: Pipeline, fields: Partial<Pipeline>): Pipeline {
  return changed(pipeline, fields) as Pipeline;
}

export function setOption(pipeline: Pipeline, id: string, name: string, value: unknown): Pipeline {
  const stage = pipeline.stages.find((one) => one.id === id);
  const options = changed(stage?.options ?? {}, { [name]: value });
  return change(pipeline, id, { options: Object.keys(options).length ? options : undefined });
}

/** By another id, wherever it is named: in needs, conditions, the batch and the layout. */
export function rename(pipeline: Pipeline, id: string, name: string): Pipeline {
  const inCondition = new RegExp(`\\bstage\\.${id.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}(?![\\w-])`, "g");
  const stages = pipeline.stages.map((stage) => {
    const fields: Partial<Stage> = {};
    if (stage.id === id) fields.id = name;
    if (Array.isArray(stage.needs) && stage.needs.includes(id))
      fields.needs = stage.needs.map((need) => (need === id ? name : need));
    if (stage.when) fields.when = stage.when.replace(inCondition, () => `stage.${name}`);
    return changed(stage, fields) as Stage;
  });
  const renamed: Pipeline = { ...pipeline, stages };
  if (renamed.batch)
    renamed.batch = axesMapped(renamed.batch, (axis) =>
      stageOfAxis(axis) === id ? { ...axis, vary: name + axis.vary.slice(id.length) } : axis,
    );
  if (renamed.layout)
    renamed.layout = Object.fromEntries(Object.entries(renamed.layout).map(([one, at]) => [one === id ? name : one, at]));
  return renamed;
}

/** "draw" of draw.seed; "" of seeds. */
export function stageOfAxis(axis: Axis): string {
  return axis.vary.slice(0, Math.max(0, axis.vary.lastIndexOf(".")));
}

function axesMapped(batch: (Axis | Axis[])[], map: (axis: Axis) => Axis): (Axis | Axis[])[] {
  return batch.map((group) => (Array.isArray(group) ? group.map(map) : map(group)));
}

function axesWhere(batch: (Axis | Axis[])[], keeps: (axis: Axis) => boolean): (Axis | Axis[])[] {
  return batch
    .map((group) => (Array.isArray(group) ? group.filter(keeps) : keeps(group) ? group : []))
    .filter((group) => !Array.isArray(group) || group.length > 0);
}
