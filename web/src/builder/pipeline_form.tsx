// What is said of the pipeline as a whole: its name, what it is for, and what a batch of it varies.

import { useDesk } from "./desk";
import { axisOf, batchOf, type AxisRow, rowsOf, sizeOf } from "./axes";
import { changeWhole } from "./edits";
import { Icon } from "./icons";
import { FieldRow } from "./fields";
import { fieldOf } from "./schema";
import type { Pipeline } from "./pipeline";

const NAME = fieldOf("name", { type: "string", default: "", maxLength: 200, title: "Title", description: "What it is called." });
const ABOUT = fieldOf("description", { type: "string", default: "", maxLength: 2000, title: "What it is for" });

export function PipelineForm({ close }: { close?: () => void }) {
  const { work, change, verdict, tellTyped } = useDesk();
  const { pipeline } = work;
  const problems = verdict.state === "bad" ? verdict.problems.filter((one) => !one.stage) : [];
  const rows = rowsOf(pipeline.batch);
  const setRows = (next: AxisRow[], what = "") => change((now) => changeWhole(now, { batch: batchOf(next) }), what);
  return (
    <aside className="b-inspector" aria-label="Pipeline">
      <header className="b-head">
        <div className="b-head-line">
          <h2>Pipeline</h2>
          {close && (
            <button className="button quiet icon" onClick={close} aria-label="Close">
              <Icon name="close" />
            </button>
          )}
        </div>
        <p className="dim">Select a stage to see what it does.</p>
      </header>
      {problems
        .filter((one) => one.field !== "batch")
        .map((one) => (
          <p key={one.message} className="b-bad" role="alert">
            {one.message}
          </p>
        ))}
      {[NAME, ABOUT].map((field) => (
        <FieldRow
          key={field.name}
          field={field}
          value={pipeline[field.name]}
          onValue={(value) => change((now) => changeWhole(now, { [field.name]: value } as Partial<Pipeline>), field.name)}
          onTyped={(problem) => tellTyped("", field.name, problem)}
        />
      ))}
      <section className="b-batch" aria-label="Batch">
        <h3>Batch</h3>
        <p className="dim">
          {rows.length
            ? "Each item is a job of its own."
            : "Vary an option over several values: seeds 1..8, or a checkpoint a line. Each item is a job of its own."}
        </p>
        {rows.map((row, at) => (
          <Axis
            key={at}
            row={row}
            isFirst={at === 0}
            options={variable(pipeline)}
            onRow={(next, what) => setRows(rows.map((one, place) => (place === at ? next : one)), what && `batch ${at} ${what}`)}
            onGone={() => setRows(rows.filter((_, place) => place !== at))}
          />
        ))}
        {problems
          .filter((one) => one.field === "batch")
          .map((one) => (
            <p key={one.message} className="b-bad" role="alert">
              {one.message}
            </p>
          ))}
        <button
          className="button quiet"
          disabled={!pipeline.stages.length}
          onClick={() => setRows([...rows, { vary: "seeds", text: "1..4", joined: false, axis: axisOf(firstFree(pipeline, rows), "1..4") }])}
        >
          <Icon name="plus" /> Vary something
        </button>
      </section>
    </aside>
  );
}

interface AxisProps {
  row: AxisRow;
  isFirst: boolean;
  options: string[];
  onRow: (row: AxisRow, what?: string) => void;
  onGone: () => void;
}

function Axis({ row, isFirst, options, onRow, onGone }: AxisProps) {
  const values = fieldOf("values", { type: "string", title: `Values of ${row.vary}`, description: "Whole numbers as 1..8, or a value a line." });
  return (
    <div className={row.joined ? "b-axis joined" : "b-axis"}>
      <div className="b-axis-line">
        <select
          className="field"
          aria-label="What varies"
          value={row.vary}
          onChange={(event) => onRow({ ...row, axis: { ...row.axis, vary: event.target.value } })}
        >
          {!options.includes(row.vary) && <option>{row.vary}</option>}
          {options.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
        <span className="b-count">{sizeOf(row.axis)}</span>
        <button className="button quiet icon" onClick={onGone} aria-label={`Do not vary ${row.vary}`} title="Do not vary it">
          <Icon name="close" size={14} />
        </button>
      </div>
      <FieldRow
        field={{ ...values, kind: "text" }}
        value={row.text}
        onValue={(text) => onRow({ ...row, axis: axisOf(row.vary, String(text ?? "")) }, "values")}
      />
      {!isFirst && (
        <label className="b-join">
          <input type="checkbox" checked={row.joined} onChange={(event) => onRow({ ...row, joined: event.target.checked })} /> together with the one above
        </label>
      )}
    </div>
  );
}

function variable(pipeline: Pipeline): string[] {
  const usual = ["seeds", "templates", "profiles"].filter(() => pipeline.stages.some((stage) => stage.type === "generatePrompt"));
  const loras = pipeline.stages.some((stage) => stage.type === "selectLoras") ? ["loras"] : [];
  const render = pipeline.stages.filter((stage) => stage.type === "dispatch").flatMap(({ id }) =>
    ["checkpoint", "cfg", "steps", "sampler", "scheduler", "seed", "width", "height", "clip_skip"].map((name) => `${id}.${name}`),
  );
  const enhance = pipeline.stages.filter((stage) => stage.type === "llmEnhance").flatMap(({ id }) => ["mode", "amount", "style"].map((name) => `${id}.${name}`));
  return [...usual, ...loras, ...render, ...enhance];
}

function firstFree(pipeline: Pipeline, rows: readonly AxisRow[]): string {
  const used = new Set(rows.map((row) => row.vary));
  return variable(pipeline).find((name) => !used.has(name) && /seed|cfg|steps/.test(name)) ?? "seeds";
}
