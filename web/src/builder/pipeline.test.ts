import { describe, expect, it } from "vitest";
import { add, change, copied, insert, lastOf, newStage, paste, remove, rename, setOption } from "./edits";
import { layered, positions, USUAL } from "./layout";
import { equal, fileText, type Pipeline, pipelineFrom, type Stage, withTypes } from "./pipeline";
import { axisOf, batchOf, rowsOf } from "./axes";
import { connect, disconnect, following, needsOf, ordered, promptFrom, whyNot } from "./wiring";

const EXAMPLES = import.meta.glob<string>("../../../orchestrator_core/pipeline/examples/*.json", { eager: true, query: "?raw", import: "default" });
const bundled = Object.entries(EXAMPLES).map(([path, text]) => ({ name: path.split("/").at(-1)!, text }));

const stage = (id: string, needs?: string[]): Stage => ({ id, type: "generatePrompt", ...(needs && { needs }) });
const line = (...ids: string[]): Pipeline => ({ schema_version: 2, stages: ids.map((id) => stage(id)) });
const wiring = (pipeline: Pipeline) => Object.fromEntries(needsOf(pipeline.stages));

/** The same numbers each time. */
function chance(seed: number): (below: number) => number {
  let state = seed * 2654435761 + 1;
  return (below) => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 374761393) >>> 0;
    return state % below;
  };
}

it("has the bundled pipelines to try", () => expect(bundled.length).toBeGreaterThan(3));

describe.each(bundled)("$name", ({ text }) => {
  const file = JSON.parse(text) as unknown;

  it("is the same after it was opened and saved", () => {
    expect(JSON.parse(fileText(pipelineFrom(file)))).toEqual(file);
  });

  it("is the same after a change and its opposite", () => {
    const before = pipelineFrom(file);
    const [first, second] = before.stages as [Stage, Stage];
    const made = insert(before, newStage(before, "llmEnhance"), first.id, second.id);
    const id = made.stages.find((one) => !before.stages.some(({ id }) => id === one.id))!.id;
    expect(wiring(made)[second.id]).toEqual([id]);
    expect(remove(made, [id])).toEqual(before);
    expect(rename(rename(before, first.id, "other"), "other", first.id)).toEqual(before);
    expect(setOption(setOption(before, second.id, "zebra", 1), second.id, "zebra", undefined)).toEqual(before);
  });

  it("keeps its batch when it is read as rows", () => {
    const { batch } = pipelineFrom(file);
    expect(batchOf(rowsOf(batch))).toEqual(batch);
    for (const { axis, text } of rowsOf(batch)) expect(axisOf(axis.vary, text)).toEqual({ first: axis.values ? undefined : (axis.first ?? 0), ...axis });
  });
});

it("keeps what it does not know", () => {
  const file = { schema_version: 2, $schema: "x", stages: [{ id: "a", type: "t", later: { x: 1 } }], more: [1] };
  const changed = change(pipelineFrom(file), "a", { when: "images" });
  expect(changed).toEqual({ ...file, stages: [{ ...file.stages[0], when: "images" }] });
});

it.each([
  [{}, /no list of stages/],
  ["text", /no list of stages/],
  [[{ id: "a" }], /Stage 1 has no "id" or no "type"/],
  [[stage("a"), stage("a")], /Two stages are called 'a'/],
  [Array.from({ length: 201 }, (_, at) => stage(String(at))), /200 are the most/],
])("refuses what is no pipeline: %#", (data, told) => {
  expect(() => pipelineFrom(data)).toThrow(told);
});

it("knows the type that a file writes otherwise", () => {
  const made = withTypes({ stages: [{ id: "a", type: "select_loras" }, { id: "b", type: "paint" }] }, ["dispatch", "selectLoras"]);
  expect(made.stages.map(({ type }) => type)).toEqual(["selectLoras", "paint"]);
});

describe("wiring", () => {
  it("goes on from the stage before it in the list, or from what it says", () => {
    expect(wiring({ stages: [stage("a"), stage("b"), stage("c", ["a"]), stage("d", [])] })).toEqual({ a: [], b: ["a"], c: ["a"], d: [] });
  });

  it("says needs only where the order does not", () => {
    let made: Pipeline = line();
    for (const id of ["a", "b", "c"]) made = add(made, stage(id), []);
    made = connect(connect(made, "a", "b"), "b", "c");
    expect(made.stages).toEqual([stage("a"), stage("b"), stage("c")]);
    expect(disconnect(made, "b", "c").stages[2]).toEqual(stage("c", []));
  });

  it("puts a stage behind what it now goes on from", () => {
    const made = connect({ stages: [stage("a"), stage("b", []), stage("c", [])] }, "c", "a");
    expect(made.stages.map(({ id }) => id)).toEqual(["b", "c", "a"]);
    expect(wiring(made)).toEqual({ a: ["c"], b: [], c: [] });
  });

  it("refuses a circle, with the way round", () => {
    const made = line("a", "b", "c");
    expect(whyNot(made, "c", "a")).toBe("That would go round in a circle: a → b → c → a.");
    expect(whyNot(made, "a", "a")).toMatch(/itself/);
    expect(whyNot(made, "a", "b")).toMatch(/already/);
    expect(whyNot(made, "a", "c")).toBe("");
    expect(connect(made, "c", "a")).toBe(made);
  });

  it("takes the prompt of the one that is asked to be first", () => {
    const made = connect(line("a", "b", "c"), "a", "c");
    expect(wiring(made)["c"]).toEqual(["b", "a"]);
    expect(wiring(promptFrom(made, "a", "c"))["c"]).toEqual(["a", "b"]);
  });

  it("closes the gap that a stage leaves, with all that named it", () => {
    const made: Pipeline = { ...line("a", "b", "c"), batch: [{ vary: "b.seed", count: 2 }, [{ vary: "seeds", count: 2 }]], layout: { b: [1, 2], c: [3, 4] } };
    expect(remove(made, ["b"])).toEqual({ ...line("a", "c"), batch: [[{ vary: "seeds", count: 2 }]], layout: { c: [3, 4] } });
    expect(remove(made, ["a", "b", "c"]).stages).toEqual([]);
  });

  it("renames a stage wherever it is named", () => {
    const made: Pipeline = {
      stages: [stage("a"), { ...stage("b", ["a"]), when: "stage.a == 'done' and stage.ab == ''" }],
      batch: [{ vary: "a.seed", count: 2 }],
      layout: { a: [0, 0] },
    };
    const { stages, batch, layout } = rename(made, "a", "$&");
    expect(stages[1]).toMatchObject({ needs: ["$&"], when: "stage.$& == 'done' and stage.ab == ''" });
    expect(batch).toEqual([{ vary: "$&.seed", count: 2 }]);
    expect(layout).toEqual({ "$&": [0, 0] });
  });

  it("pastes copies that go on from one another as the first did", () => {
    const made = line("a", "b", "c");
    const pasted = paste(made, copied(made, ["b", "c"]));
    expect(pasted.ids).toEqual(["b-2", "c-2"]);
    expect(wiring(pasted.pipeline)).toEqual({ a: [], b: ["a"], c: ["b"], "b-2": [], "c-2": ["b-2"] });
    expect(paste(pasted.pipeline, copied(made, ["b"])).ids).toEqual(["b-3"]);
  });

  it("holds after whatever is done to it", () => {
    for (let seed = 0; seed < 60; seed++) {
      const at = chance(seed);
      let made = line("a", "b", "c", "d");
      for (let turn = 0; turn < 25; turn++) {
        const ids = made.stages.map(({ id }) => id);
        const pick = () => ids[at(ids.length)]!;
        const fresh = newStage(made, "dispatch");
        const doing = [
          () => connect(made, pick(), pick()),
          () => connect(made, pick(), pick()),
          () => disconnect(made, pick(), pick()),
          () => add(made, fresh, lastOf(made)),
          () => remove(made, ids.length > 2 ? [pick()] : []),
          () => rename(made, pick(), `r${turn}`),
          () => {
            const to = pick();
            const from = needsOf(made.stages).get(to)![0];
            return from ? insert(made, fresh, from, to) : made;
          },
        ];
        made = doing[at(doing.length)]!();
        const now = made.stages.map(({ id }) => id);
        const order = ordered(made.stages).map(({ id }) => id);
        const needs = [...needsOf(made.stages)];
        const isGood =
          new Set(now).size === now.length &&
          equal(pipelineFrom(JSON.parse(fileText(made))), { schema_version: 2, ...made }) &&
          needs.every(([id, all]) => all.every((need) => now.includes(need) && order.indexOf(need) < order.indexOf(id))) &&
          now.every((id) => !following(made.stages, id).has(id));
        if (!isGood) throw new Error(`seed ${seed}, turn ${turn}: ${JSON.stringify(made)}`);
      }
    }
  });
});

describe("layout", () => {
  it("puts each stage below what it goes on from, and none upon another", () => {
    for (let seed = 0; seed < 40; seed++) {
      const at = chance(seed + 100);
      const stages = Array.from({ length: 12 }, (_, number) =>
        stage(`s${number}`, [...new Set(Array.from({ length: at(3) }, () => `s${at(Math.max(1, number))}`))].filter((id) => id !== `s${number}`)),
      );
      const sizes = new Map(stages.map(({ id }) => [id, { width: 200 + at(90), height: 60 + at(200) }]));
      const places = layered(stages, sizes);
      const boxes = stages.map(({ id }) => ({ id, at: places.get(id)!, size: sizes.get(id)! }));
      for (const [id, needs] of needsOf(stages))
        for (const need of needs) expect(places.get(id)![1]).toBeGreaterThanOrEqual(places.get(need)![1] + sizes.get(need)!.height);
      for (const one of boxes)
        for (const other of boxes) {
          if (one.id >= other.id) continue;
          const isApart =
            one.at[0] + one.size.width <= other.at[0] || other.at[0] + other.size.width <= one.at[0] ||
            one.at[1] + one.size.height <= other.at[1] || other.at[1] + other.size.height <= one.at[1]; // prettier-ignore
          expect(isApart, `${one.id} and ${other.id}`).toBe(true);
        }
    }
  });

  it("draws a line as a column, and a circle too", () => {
    const places = [...layered(line("a", "b").stages, new Map()).values()];
    expect(places[0]![0]).toBe(places[1]![0]);
    expect(places[1]![1]).toBeGreaterThan(USUAL.height);
    expect(layered([stage("a", ["b"]), stage("b", ["a"])], new Map()).size).toBe(2);
  });

  it("leaves what somebody has moved where it is", () => {
    const made: Pipeline = { ...line("a", "b"), layout: { a: [7, 9], gone: [1, 1] } };
    expect(positions(made, new Map()).get("a")).toEqual([7, 9]);
    expect(positions(made, new Map()).has("gone")).toBe(false);
  });
});

describe("a batch", () => {
  it.each([
    ["1..8", { first: 1, count: 8 }],
    ["-2..2", { first: -2, count: 5 }],
    ["3..1", { values: ["3..1"] }],
    ["5\n7.5", { values: [5, 7.5] }],
    ['"5"\na fox\ntrue', { values: ["5", "a fox", true] }],
    ["", { values: [""] }],
  ])("is read as it is written: %j", (text, axis) => {
    expect(axisOf("x", text)).toEqual({ vary: "x", ...axis });
  });

  it.each([[["1..2"]], [["5", 5, null, { a: 1 }]], [["two\nlines", ' "quoted"', "true"]], [[""]]])("is written as it is read: %j", (values) => {
    const [row] = rowsOf([{ vary: "x", values }]);
    expect(axisOf("x", row!.text)).toEqual({ vary: "x", values });
  });

  it("keeps which axes go on together", () => {
    const batch = [[{ vary: "a", count: 2 }, { vary: "b", count: 2 }], { vary: "c", count: 3 }];
    expect(batchOf(rowsOf(batch))).toEqual(batch);
    expect(rowsOf(batch).map((row) => row.joined)).toEqual([false, true, false]);
  });
});

it("sees that two values say the same", () => {
  expect(equal({ a: 1, b: [1, { c: null }] }, { b: [1, { c: null }], a: 1 })).toBe(true);
  expect(equal({ a: 1 }, { a: 1, b: undefined })).toBe(false);
  expect(equal([1], { 0: 1 })).toBe(false);
});
