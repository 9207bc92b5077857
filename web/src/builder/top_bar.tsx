// The line above the canvas: which pipeline it is, whether it can run, and what can be done with it.

import { useState } from "react";
import { messageOf } from "../api";
import { host } from "../place";
import { useTargets } from "../targets";
import { complain } from "../toasts";
import type { Target } from "../types";
import { useDesk } from "./desk";
import { changeWhole } from "./edits";
import type { Files } from "./files";
import { Icon } from "./icons";
import { Popover } from "./menu";
import { isAtRest } from "./server";
import { isDirty } from "./work";

export function TopBar({ files }: { files: Files }) {
  const { work, step, change } = useDesk();
  const dirty = isDirty(work) && (work.pipeline.stages.length > 0 || work.name !== "");
  const title = work.name || work.pipeline.name || "New pipeline";
  return (
    <div className="b-top" role="toolbar" aria-label="Pipeline">
      <Popover
        label="Open a pipeline"
        className="quiet b-title"
        title={
          <>
            <Icon name="open" /> <strong>{title}</strong>
            {dirty && <span className="b-dot" title="Not saved" />}
            <Icon name="down" size={12} />
          </>
        }
      >
        {(close) => <OpenList files={files} close={close} />}
      </Popover>
      <span className="unseen" role="status">
        {dirty ? "Not saved" : ""}
      </span>
      <button className="button" onClick={files.save} disabled={!work.pipeline.stages.length || (!dirty && work.origin === "own")} title="Save (Ctrl-S)">
        Save
      </button>
      <Popover label="More" className="quiet icon" title={<Icon name="more" />}>
        {(close) => <More files={files} close={close} />}
      </Popover>
      <span className="b-gap" />
      <button className="button quiet icon" onClick={() => step({ do: "undo" })} disabled={!work.past.length} aria-label="Undo" title="Undo (Ctrl-Z)">
        <Icon name="undo" />
      </button>
      <button className="button quiet icon" onClick={() => step({ do: "redo" })} disabled={!work.future.length} aria-label="Redo" title="Redo (Ctrl-Y)">
        <Icon name="redo" />
      </button>
      <button
        className="button quiet icon b-tidy"
        onClick={() => change((now) => changeWhole(now, { layout: undefined }))}
        disabled={!work.pipeline.layout}
        aria-label="Tidy up"
        title="Lay all stages out by themselves (L)"
      >
        <Icon name="tidy" />
      </button>
      <span className="b-rest" />
      <Verdict />
      <RunPart />
    </div>
  );
}

function OpenList({ files, close }: { files: Files; close: () => void }) {
  const pick = (then: () => void) => () => {
    close();
    then();
  };
  const part = (title: string, origin: string) => {
    const found = files.list.filter((one) => one.origin === origin);
    return found.length ? (
      <>
        <h3>{title}</h3>
        {found.map((one) => (
          <button key={one.name} className="b-entry tall" onClick={pick(() => files.openNamed(one.name))} disabled={!!one.problem}>
            <span>
              {one.name}
              <small>{one.problem || one.description || `${one.stages.length} stages`}</small>
            </span>
          </button>
        ))}
      </>
    ) : null;
  };
  return (
    <div className="b-open">
      <div className="b-open-line">
        <button className="button" data-first onClick={pick(files.openNew)}>
          <Icon name="plus" /> New
        </button>
        <button className="button" onClick={pick(files.pick)}>
          <Icon name="open" /> A file…
        </button>
      </div>
      {part("Yours", "own")}
      {part("To begin with", "bundled")}
    </div>
  );
}

function More({ files, close }: { files: Files; close: () => void }) {
  const { work, change } = useDesk();
  const has = work.pipeline.stages.length > 0;
  const entry = (title: string, then: () => void, isOn = has) => (
    <button
      className="b-entry"
      disabled={!isOn}
      onClick={() => {
        close();
        then();
      }}
    >
      {title}
    </button>
  );
  return (
    <div className="b-open">
      {entry("Tidy up", () => change((now) => changeWhole(now, { layout: undefined })), !!work.pipeline.layout)}
      {entry("Save under another name…", files.saveAs)}
      {entry("Download the file", files.download)}
      {entry(host === "comfyui" ? "Open as a workflow" : "Download as a ComfyUI workflow", files.exportWorkflow)}
      {host && (
        <a className="b-entry" href={location.href.replace(/([?&])in=\w+&?/, "$1")} target="_blank" rel="noreferrer" onClick={close}>
          Open in a tab of its own
        </a>
      )}
      {entry("Delete…", files.takeAway, work.origin === "own" && work.name !== "")}
      <dl className="b-keys">
        {KEYS.map(([key, says]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{says}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

const KEYS = [
  ["Ctrl Z", "undo"],
  ["Ctrl Y", "redo"],
  ["Ctrl C · V", "copy, paste"],
  ["Ctrl A · B", "select all, switch off or on"],
  ["Delete", "delete, or cut a connection"],
  ["Ctrl S", "save"],
  ["Ctrl ⏎", "run"],
  ["F · L", "show all, tidy up"],
] as const;

function Verdict() {
  const { verdict, work, typed, select } = useDesk();
  if (!work.pipeline.stages.length) return null;
  const problem = typed[0] ?? (verdict.state === "bad" || verdict.state === "away" ? verdict.problems[0] : undefined);
  if (problem) {
    const { stage, field, message } = problem;
    const place = [stage, field.replace(/^options\./, "").replaceAll("_", " ")].filter(Boolean).join(", ");
    const told = place ? `${place}: ${message}` : message;
    return (
      <button className="b-verdict bad" title={told} onClick={() => select(work.pipeline.stages.some((one) => one.id === stage) ? [stage] : [])}>
        <Icon name="warn" size={14} /> <span>{told}</span>
      </button>
    );
  }
  const jobs = verdict.items > 1 ? `${verdict.items.toLocaleString("en")} jobs` : "Ready";
  return (
    <span className={`b-verdict ${verdict.state}`} role="status">
      {verdict.state === "good" && (
        <>
          <Icon name="good" size={14} /> <span>{jobs}</span>
        </>
      )}
    </span>
  );
}

function RunPart() {
  const { work, verdict, typed, running, show, makePlan } = useDesk();
  const [target, setTarget] = useState(() => (host === "comfyui" || host === "forge" ? host : ""));
  const [isBusy, setBusy] = useState(false);
  const found = useTargets();
  const can = verdict.state !== "bad" && verdict.state !== "away" && typed.length === 0 && work.pipeline.stages.length > 0;
  const isRunning = running.jobs.some((job) => !isAtRest(job.state)) || (running.job !== null && !isAtRest(running.job.state));
  const run = async () => {
    setBusy(true);
    try {
      await running.start(work.pipeline, target);
      show({ of: "job" });
    } catch (reason) {
      complain(messageOf(reason));
    }
    setBusy(false);
  };
  return (
    <div className="b-run">
      <button className="button" onClick={() => void makePlan()} disabled={!can} title="Which prompts, LoRAs and requests it would make; nothing is rendered">
        Plan
      </button>
      <select className="field" aria-label="Where it renders" value={target} onChange={(event) => setTarget(event.target.value)} title="Where it renders: any is whichever is free first">
        <option value="">any host</option>
        {choices(found, target).map(({ name, title, away }) => (
          <option key={name} value={name} disabled={away !== ""} title={away}>
            {away ? `${title}, away` : title}
          </option>
        ))}
      </select>
      {isRunning ? (
        <button className="button b-stop" onClick={() => void running.stop()} disabled={running.job?.is_stopping}>
          <Icon name="stop" size={14} /> {running.job?.is_stopping ? "Stopping…" : "Stop"}
        </button>
      ) : (
        <button className="button primary b-go" onClick={() => void run()} disabled={!can || isBusy} title="Run (Ctrl-Enter)">
          <Icon name="play" size={14} /> Run
        </button>
      )}
    </div>
  );
}

function choices(found: Target[], chosen: string): Target[] {
  const named = found.filter((one) => one.name);
  const usual = [
    { name: "comfyui", title: "ComfyUI", away: "" },
    { name: "forge", title: "Forge", away: "" },
  ];
  const all = named.length ? named : usual;
  return chosen && !all.some((one) => one.name === chosen) ? [...all, ...usual.filter((one) => one.name === chosen)] : all;
}
