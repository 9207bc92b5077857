// Below the canvas: what a dry run says of each item, or the jobs of a run, one of which the nodes show.

import { useQuery } from "@tanstack/react-query";
import { messageOf } from "../api";
import { complain } from "../toasts";
import { type Shown, useDesk } from "./desk";
import { Icon } from "./icons";
import { Images } from "./result";
import { isAtRest, type JobShown, queue, type StagePlanned } from "./server";

export function Dock() {
  const { shown, show, running } = useDesk();
  if (shown.of === "nothing" || (shown.of === "job" && !running.jobs.length)) return null;
  return (
    <section className="b-dock" aria-label={shown.of === "plan" ? "Plan" : "Run"}>
      {shown.of === "plan" ? <PlanPart shown={shown} /> : <JobPart />}
      <button className="button quiet icon b-dock-close" onClick={() => show({ of: "nothing" })} aria-label="Close" title="Close">
        <Icon name="close" size={14} />
      </button>
    </section>
  );
}

function PlanPart({ shown }: { shown: Shown & { of: "plan" } }) {
  const { show } = useDesk();
  const { plan, at } = shown;
  return (
    <>
      <p className="b-dock-head">
        <strong>{plan.count === 1 ? "One job" : `${plan.count.toLocaleString("en")} jobs`}</strong>
        <span className="dim">Nothing is rendered, and no language model is asked.</span>
      </p>
      <ol className="b-items">
        {plan.items.map((item, place) => (
          <li key={item.number}>
            <button className="b-item" aria-pressed={place === at} onClick={() => show({ ...shown, at: place })}>
              <Planned stages={item.stages} values={item.values} />
            </button>
          </li>
        ))}
        {plan.count > plan.items.length && <li className="dim">… and {(plan.count - plan.items.length).toLocaleString("en")} more</li>}
      </ol>
    </>
  );
}

function Planned({ stages, values }: { stages: StagePlanned[]; values: Record<string, unknown> }) {
  const last = stages.at(-1);
  const request = stages.find((stage) => stage.request)?.request;
  const varied = Object.entries(values).map(([name, value]) => `${name} = ${typeof value === "string" ? value : JSON.stringify(value)}`);
  const loras = [...new Set(stages.flatMap((stage) => stage.loras))];
  return (
    <>
      <span className="b-item-prompt">{last?.positive || "no prompt"}</span>
      <span className="b-item-more">
        {[
          ...varied,
          last && `seed ${last.seed}`,
          loras.length > 0 && loras.join(", "),
          request && `${String(request.width)}×${String(request.height)}, ${String(request.steps)} steps, cfg ${String(request.cfg)}`,
          request && (request.checkpoint ? String(request.checkpoint) : "the host's model"),
        ]
          .filter(Boolean)
          .join(" · ")}
      </span>
    </>
  );
}

const STATES: Record<string, string> = { waiting: "waits", running: "runs", held: "is held", done: "is done", failed: "failed", cancelled: "was stopped" };

function JobPart() {
  const { running } = useDesk();
  const { jobs, job, count, trouble } = running;
  const done = jobs.filter((one) => one.state === "done").length;
  const failed = jobs.filter((one) => one.state === "failed").length;
  return (
    <>
      <p className="b-dock-head" role="status">
        {job && (
          <strong>
            Job {job.number} {STATES[job.state]}
            {job.state === "waiting" && <Waiting />}
          </strong>
        )}
        {count > 1 && (
          <span className="dim">
            {done} of {count.toLocaleString("en")} done{failed > 0 && `, ${failed} failed`}
          </span>
        )}
        {trouble && <span className="error">{trouble}</span>}
      </p>
      {job?.error && (
        <p className="b-dock-error error" role="alert">
          {job.error}
        </p>
      )}
      {job && job.images.length > 0 && <Images images={job.images} />}
      {job && (job.state === "failed" || job.state === "held") && (
        <button className="button" onClick={() => running.goOn().then(undefined, (reason: unknown) => complain(messageOf(reason)))}>
          <Icon name="again" /> Go on where it stopped
        </button>
      )}
      {jobs.length > 1 && (
        <div className="b-jobs" role="group" aria-label="Jobs of this run">
          {jobs.map((one) => (
            <JobChip key={one.id} job={one} isWatched={one.id === job?.id} watch={running.watch} />
          ))}
        </div>
      )}
    </>
  );
}

/** Why it waits, as far as the queue knows. */
function Waiting() {
  const { data } = useQuery({ queryKey: ["queue"], queryFn: queue, refetchInterval: 3000, staleTime: 0 });
  if (data?.is_paused) return <>, as the queue is paused{data.reason && `: ${data.reason}`}</>;
  if (data && !data.workers.length) return <>: nobody works on the queue. Start a host, or: orchestrator worker</>;
  return <>, until a worker takes it</>;
}

function JobChip({ job, isWatched, watch }: { job: JobShown; isWatched: boolean; watch: (id: string) => void }) {
  return (
    <button className={`b-chip ${job.state}`} aria-pressed={isWatched} onClick={() => watch(job.id)} title={`Job ${job.number} ${STATES[job.state]}`}>
      {job.number}
      <span className="unseen"> {isAtRest(job.state) ? STATES[job.state] : ""}</span>
    </button>
  );
}
