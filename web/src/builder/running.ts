// The jobs that this page has started, and the one of them that is watched.

import { useCallback, useEffect, useState } from "react";
import { follow, type Progress } from "./following";
import type { Pipeline } from "./pipeline";
import { addJobs, cancel, hasEnded, isAtRest, type JobShown, type JobWhole, rerun, retry } from "./server";


export interface Running {
  jobs: readonly JobShown[];
  /** The one that is watched, as it now is. */
  job: JobWhole | null;
  progress: Progress | null;
  trouble: string;
  /** How many were added; more than `jobs` where it is a large batch. */
  count: number;
  start: (pipeline: Pipeline, target: string) => Promise<void>;
  watch: (id: string) => void;
  again: (stage: string, pipeline: Pipeline) => Promise<void>;
  goOn: () => Promise<void>;
  stop: () => Promise<void>;
  /** What runs goes on, but is no longer watched here. */
  forget: () => void;
}

const KEY = "orchestrator.builder.job";

/** The job that was watched before the page was loaded again. */
export function watchedBefore(): string {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return ""; // storage is forbidden
  }
}

function keep(job: string): void {
  try {
    if (job) sessionStorage.setItem(KEY, job);
    else sessionStorage.removeItem(KEY);
  } catch {
    // it is then not watched after a reload
  }
}

export function useRunning(): Running {
  const [jobs, setJobs] = useState<readonly JobShown[]>([]);
  const [count, setCount] = useState(0);
  const [watched, setWatched] = useState(watchedBefore);
  const [round, setRound] = useState(0); // the same job once more, after a rerun
  const [job, setJob] = useState<JobWhole | null>(null);
  const [progress, setProgress] = useState<Progress | null>(null);
  const [trouble, setTrouble] = useState("");
  const [isPinned, setPinned] = useState(false); // a person has chosen which is watched

  useEffect(() => {
    if (!watched) return;
    keep(watched);
    setProgress(null);
    return follow(watched, {
      job(now) {
        setJob(now);
        setJobs((all) => (all.length ? all.map((one) => (one.id === now.id ? { ...one, ...shownOf(now) } : one)) : [now]));
      },
      progress: setProgress,
      trouble: setTrouble,
    });
  }, [watched, round]);

  useEffect(() => {
    if (isPinned || !job || job.id !== watched || !isAtRest(job.state)) return;
    const next = jobs.find((one) => !isAtRest(one.state));
    if (next && next.id !== watched) setWatched(next.id);
  }, [job, jobs, watched, isPinned]);

  const watch = useCallback((id: string) => {
    setPinned(true);
    setWatched(id);
  }, []);

  const start = useCallback(async (pipeline: Pipeline, target: string) => {
    const added = await addJobs(pipeline, target);
    setJobs(added.jobs);
    setCount(added.count);
    setJob(null);
    setPinned(false);
    setWatched(added.jobs[0]!.id);
    setRound((before) => before + 1);
  }, []);

  const goesOn = useCallback(async (asked: Promise<JobShown>) => {
    const now = await asked;
    setJob((before) => (before?.id === now.id ? { ...before, ...shownOf(now) } : before));
    setRound((before) => before + 1);
  }, []);

  const again = useCallback(
    async (stage: string, pipeline: Pipeline) => {
      if (job) await goesOn(rerun(job.id, stage, pipeline));
    },
    [job, goesOn],
  );
  const goOn = useCallback(async () => {
    if (job) await goesOn(retry(job.id));
  }, [job, goesOn]);

  const stop = useCallback(async () => {
    const open = jobs.filter((one) => !hasEnded(one.state)).map((one) => one.id);
    if (job && !hasEnded(job.state) && !open.includes(job.id)) open.push(job.id);
    await Promise.all(open.map((id) => cancel(id).then(undefined, () => undefined))); // one may have ended meanwhile
    setRound((before) => before + 1);
  }, [jobs, job]);

  const forget = useCallback(() => {
    keep("");
    setWatched("");
    setJobs([]);
    setJob(null);
  }, []);

  return { jobs, job, progress, trouble, count, start, watch, again, goOn, stop, forget };
}

function shownOf(job: JobShown): Partial<JobShown> {
  const { state, stage, error, reason, run_id, is_stopping, progress } = job;
  return { state, stage, error, reason, run_id, is_stopping, progress };
}
