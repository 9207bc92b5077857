// The form of the stage that is selected: its options, when it is done, what it goes on from.

import { useMemo, useState } from "react";
import { messageOf } from "../api";
import { complain } from "../toasts";
import { useDesk } from "./desk";
import { change as changeStage, copied, paste, remove, rename, setOption } from "./edits";
import { FieldRow } from "./fields";
import { colourOf, Icon } from "./icons";
import { itemOf, runsToo } from "./outcomes";
import type { Stage } from "./pipeline";
import { type Field, fieldOf, fieldsOf, type Schema } from "./schema";
import { isAtRest } from "./server";
import { connect, disconnect, following, needsOf, promptFrom } from "./wiring";

/** What is asked first, by type; of others the first six. */
const FIRST: Record<string, string[]> = {
  generatePrompt: ["template", "negative_template", "profiles", "seed"],
  followStory: ["story", "action", "who", "where", "when", "mood"],
  llmEnhance: ["mode", "style", "amount", "instruction"],
  selectLoras: ["include", "exclude", "max_loras", "total_strength", "insert_trigger_words"],
  dispatch: ["checkpoint", "width", "height", "steps", "cfg", "sampler", "scheduler", "batch_size", "seed"],
  scoreImages: ["learn", "whole", "style", "aesthetic"],
};

const ERRORS = ["fail", "skip", "fallback", "retry"];
const FLOW: Record<string, Schema> = {
  when: {
    type: "string",
    default: "",
    description: "Do it only when this is so, as: images and score < 0.8. Empty: always.",
    "x-choices": ["has_loras", "has_llm", "has_scorer", "images", "score < 0.8"],
  },
  on_error: { enum: ERRORS, default: "fail", description: "Stop; go on without it; try other options; or try again." },
  tries: { type: "integer", minimum: 1, maximum: 20, default: 3, description: "How often it is tried, the first time included." },
  wait_s: { type: "number", minimum: 0, maximum: 3600, default: 1, title: "Wait (s)", description: "Seconds before the second try; twice as long before each." },
  then: { enum: ERRORS.slice(0, 3), default: "fail", title: "Then", description: "What is done when the last try has failed." },
  fallback: { type: "object", default: {}, title: "Fallback options", description: "The options that it is then done with, over its own." },
};

export function Inspector({ stage, close }: { stage: Stage; close?: () => void }) {
  const desk = useDesk();
  const { change, kinds, verdict, tellTyped } = desk;
  const kind = kinds.get(stage.type);
  const fields = useMemo(() => (kind ? fieldsOf(kind.schema) : []), [kind]);
  const first = FIRST[stage.type] ?? fields.slice(0, 6).map((field) => field.name);
  const problemOf = (place: string) =>
    verdict.state === "bad" ? (verdict.problems.find((one) => one.stage === stage.id && one.field === place)?.message ?? "") : "";
  const stray = verdict.state === "bad" ? verdict.problems.filter((one) => one.stage === stage.id && !isShown(one.field, fields)) : [];
  const isOpen = (name: string) => stage.options?.[name] !== undefined || problemOf(`options.${name}`) !== "";
  const primary = fields.filter(({ name }) => first.includes(name)).sort((one, other) => first.indexOf(one.name) - first.indexOf(other.name));
  const more = fields.filter(({ name }) => !first.includes(name));
  const row = (field: Field) => (
    <FieldRow
      key={`${stage.type} ${field.name}`}
      field={field}
      value={stage.options?.[field.name]}
      problem={problemOf(`options.${field.name}`)}
      onValue={(value) => change((now) => setOption(now, stage.id, field.name, value), `${stage.id}.${field.name}`)}
      onTyped={(problem) => tellTyped(stage.id, `options.${field.name}`, problem)}
    />
  );
  const unknown = Object.keys(stage.options ?? {}).filter((name) => !fields.some((field) => field.name === name));
  const set = more.filter(({ name }) => isOpen(name)).length;
  return (
    <aside className="b-inspector" aria-label={`Stage ${stage.id}`} style={{ "--kind": colourOf(stage.type) } as React.CSSProperties}>
      <Head stage={stage} title={kind?.title ?? stage.type} summary={kind?.summary ?? ""} close={close} />
      {stray.map((one) => (
        <p key={one.message} className="b-bad" role="alert">
          {one.message}
        </p>
      ))}
      <div className="b-grid">{primary.map(row)}</div>
      {unknown.map((name) => row(fieldOf(name, { description: "Nothing here knows this option." })))}
      {more.length > 0 && (
        <details open={set > 0 || undefined}>
          <summary>
            More options {set > 0 && <span className="b-count">{set} set</span>}
          </summary>
          <div className="b-grid">{more.map(row)}</div>
        </details>
      )}
      <FlowPart stage={stage} problemOf={problemOf} />
      <NeedsPart stage={stage} problem={problemOf("needs")} />
      <Actions stage={stage} />
    </aside>
  );
}

function isShown(field: string, fields: readonly Field[]): boolean {
  return field in FLOW || field === "needs" || fields.some(({ name }) => field === `options.${name}`) || /^options\./.test(field) === false && field === "id";
}

function Head({ stage, title, summary, close }: { stage: Stage; title: string; summary: string; close?: () => void }) {
  const { work, change, select } = useDesk();
  const [id, setId] = useState(stage.id);
  const [was, setWas] = useState(stage.id);
  if (was !== stage.id) {
    setWas(stage.id);
    setId(stage.id);
  }
  const isTaken = id !== stage.id && work.pipeline.stages.some((one) => one.id === id);
  const give = () => {
    const name = id.trim();
    if (!name || isTaken) setId(stage.id);
    else if (name !== stage.id) {
      change((now) => rename(now, stage.id, name));
      select([name]);
    }
  };
  const isOn = stage.enabled !== false;
  return (
    <header className="b-head">
      <div className="b-head-line">
        <Icon name={stage.type} />
        <input
          className="field b-id"
          value={id}
          aria-label="Name of this stage"
          aria-invalid={isTaken || undefined}
          maxLength={100}
          onChange={(event) => setId(event.target.value)}
          onBlur={give}
          onKeyDown={(event) => event.key === "Enter" && event.currentTarget.blur()}
        />
        <label className="b-on" title="Switched off, it leaves everything as it is">
          <input
            type="checkbox"
            role="switch"
            className="b-switch"
            checked={isOn}
            onChange={() => change((now) => changeStage(now, stage.id, { enabled: isOn ? false : undefined }))}
          />
          <span>{isOn ? "on" : "off"}</span>
        </label>
        {close && (
          <button className="button quiet icon" onClick={close} aria-label="Close">
            <Icon name="close" />
          </button>
        )}
      </div>
      {isTaken && <p className="b-bad">Another stage is called so.</p>}
      <p className="dim">
        <strong>{title}.</strong> {summary}
      </p>
    </header>
  );
}

function FlowPart({ stage, problemOf }: { stage: Stage; problemOf: (place: string) => string }) {
  const { change, tellTyped } = useDesk();
  const onError = stage.on_error ?? "fail";
  const names = ["when", "on_error"];
  if (onError === "retry") names.push("tries", "wait_s", "then");
  if (onError === "fallback" || (onError === "retry" && stage.then === "fallback")) names.push("fallback");
  const isOpen = names.length > 2 || !!stage.when || names.some((name) => problemOf(name));
  return (
    <details open={isOpen || undefined}>
      <summary>
        When, and on error {stage.when && <span className="b-count">{stage.when}</span>}
      </summary>
      <div className="b-grid">
        {names.map((name) => (
          <FieldRow
            key={name}
            field={fieldOf(name, FLOW[name]!)}
            value={stage[name]}
            problem={problemOf(name)}
            onValue={(value) => change((now) => changeStage(now, stage.id, { [name]: value }), `${stage.id} ${name}`)}
            onTyped={(problem) => tellTyped(stage.id, name, problem)}
          />
        ))}
      </div>
    </details>
  );
}

/** The same as the connections on the canvas, for keys. */
function NeedsPart({ stage, problem }: { stage: Stage; problem: string }) {
  const { work, change } = useDesk();
  const { pipeline } = work;
  const needs = needsOf(pipeline.stages).get(stage.id)!;
  const behind = following(pipeline.stages, stage.id).add(stage.id);
  const others = pipeline.stages.filter((one) => needs.includes(one.id) || !behind.has(one.id));
  return (
    <details open={problem !== "" || undefined}>
      <summary>
        Goes on from <span className="b-count">{needs.join(", ") || "nothing"}</span>
      </summary>
      {problem && <p className="b-bad">{problem}</p>}
      {!others.length && <p className="dim">There is no stage that it could go on from.</p>}
      <ul className="b-needs">
        {others.map(({ id }) => (
          <li key={id}>
            <label>
              <input
                type="checkbox"
                checked={needs.includes(id)}
                onChange={(event) => change((now) => (event.target.checked ? connect(now, id, stage.id) : disconnect(now, id, stage.id)))}
              />{" "}
              {id}
            </label>
            {needs[0] === id && needs.length > 1 && <span className="b-count">its prompt</span>}
            {needs.includes(id) && needs[0] !== id && (
              <button className="b-small" onClick={() => change((now) => promptFrom(now, id, stage.id))}>
                take its prompt
              </button>
            )}
          </li>
        ))}
      </ul>
    </details>
  );
}

function Actions({ stage }: { stage: Stage }) {
  const { work, change, select, running, kinds, show, verdict, typed } = useDesk();
  const { job } = running;
  const why = job && !job.steps.length ? "It has not run yet." : "";
  const more = job && !why ? runsToo(work.pipeline, job, stage.id, kinds) : "";
  const isBusy = !!job && !isAtRest(job.state);
  const again = async () => {
    if (!job) return;
    try {
      await running.again(stage.id, itemOf(work.pipeline, job));
      show({ of: "job" });
    } catch (reason) {
      complain(messageOf(reason));
    }
  };
  const duplicate = () => {
    const made = paste(work.pipeline, copied(work.pipeline, [stage.id]));
    change(() => made.pipeline);
    select(made.ids);
  };
  return (
    <footer className="b-actions">
      {job && (
        <button className="button" onClick={again} disabled={isBusy || why !== "" || verdict.state === "bad" || typed.length > 0} title={why || "This stage as it is now, and what goes on from it. What is as it was keeps what it left"}>
          <Icon name="again" /> Run from here
        </button>
      )}
      <button className="button quiet" onClick={duplicate}>
        <Icon name="copy" /> Duplicate
      </button>
      <button
        className="button quiet"
        onClick={() => {
          change((now) => remove(now, [stage.id]));
          select([]);
        }}
      >
        <Icon name="bin" /> Delete
      </button>
      {job && (why || more) && <p className="dim">{why || more}</p>}
    </footer>
  );
}
