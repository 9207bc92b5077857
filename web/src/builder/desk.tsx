// What the parts of the builder share: the work, what the server says of it, and the run that is watched.

import { useQuery } from "@tanstack/react-query";
import { createContext, useCallback, useContext, useEffect, useMemo, useReducer, useRef, useState } from "react";
import { ApiError, messageOf } from "../api";
import { complain } from "../toasts";
import { ofJob, ofPlan, type Outcomes } from "./outcomes";
import type { Pipeline } from "./pipeline";
import { type Problem, problemsOf } from "./problems";
import { check, plan, type Plan, type StageKind, stageKinds } from "./server";
import { type Running, useRunning, watchedBefore } from "./running";
import { begun, store, stored, type Step, type Work, worked } from "./work";

const CHECK_MS = 350;

/** What is to be seen of a run on the nodes: none, one item of a dry run, or a job. */
export type Shown = { of: "nothing" } | { of: "plan"; plan: Plan; at: number; pipeline: Pipeline } | { of: "job" };

export interface Verdict {
  state: "checking" | "good" | "bad" | "away";
  items: number;
  problems: Problem[];
}

export interface Desk {
  work: Work;
  step: (step: Step) => void;
  change: (to: (pipeline: Pipeline) => Pipeline, what?: string) => void;
  kinds: ReadonlyMap<string, StageKind>;
  /** Why there are none, and what asks again. */
  kindsTrouble: { message: string; again: () => void } | null;
  verdict: Verdict;
  /** What is typed in fields and is no value yet. */
  typed: readonly Problem[];
  tellTyped: (stage: string, field: string, message: string) => void;
  selected: readonly string[];
  select: (ids: readonly string[]) => void;
  shown: Shown;
  show: (shown: Shown) => void;
  outcomes: Outcomes;
  running: Running;
  makePlan: () => Promise<void>;
}

const Context = createContext<Desk | null>(null);
export const DeskProvider = Context.Provider;

export function useDesk(): Desk {
  const desk = useContext(Context);
  if (!desk) throw new Error("There is no builder around this.");
  return desk;
}

export function useNewDesk(): Desk {
  const [work, step] = useReducer(worked, null, () => stored() ?? begun());
  const change = useCallback(
    (to: (pipeline: Pipeline) => Pipeline, what?: string) => step({ do: "change", to, what }),
    [],
  );
  const [selected, select] = useState<readonly string[]>([]);
  const [typed, setTyped] = useState<readonly Problem[]>([]);
  const tellTyped = useCallback((stage: string, field: string, message: string) => {
    setTyped((before) => {
      const others = before.filter((one) => one.stage !== stage || one.field !== field);
      return message ? [...others, { stage, field, message }] : others.length < before.length ? others : before;
    });
  }, []);
  const [shown, show] = useState<Shown>(() => (watchedBefore() ? { of: "job" } : { of: "nothing" }));
  const running = useRunning();
  const found = useQuery({ queryKey: ["stages"], queryFn: stageKinds, staleTime: 300_000 });
  const kinds = useMemo(() => new Map((found.data ?? []).map((kind) => [kind.type, kind])), [found.data]);
  const kindsTrouble = found.error ? { message: messageOf(found.error), again: () => void found.refetch() } : null;
  const verdict = useVerdict(work.pipeline);
  useEffect(() => {
    const timer = setTimeout(() => store(work), 200);
    return () => clearTimeout(timer);
  }, [work]);
  useEffect(() => {
    const storeNow = () => store(work);
    addEventListener("pagehide", storeNow);
    return () => {
      removeEventListener("pagehide", storeNow);
      storeNow();
    };
  }, [work]);

  const outcomes: Outcomes = useMemo(() => {
    if (shown.of === "job" && running.job) return ofJob(running.job, running.progress);
    if (shown.of === "plan") return ofPlan(shown.pipeline, shown.plan.items[shown.at]!);
    return new Map();
  }, [shown, running.job, running.progress]);

  const makePlan = useCallback(async () => {
    try {
      const found = await plan(work.pipeline);
      if (found.items.length) show({ of: "plan", plan: found, at: 0, pipeline: work.pipeline });
    } catch (reason) {
      complain(messageOf(reason));
    }
  }, [work.pipeline]);

  return {
    work, step, change, kinds, kindsTrouble, verdict, typed, tellTyped, selected, select, shown, show, outcomes, running, makePlan,
  }; // prettier-ignore
}

/** What the server says of the pipeline, a moment after it was changed last. */
function useVerdict(pipeline: Pipeline): Verdict {
  const [verdict, tell] = useState<Verdict>({ state: "checking", items: 0, problems: [] });
  const again = useRef(0);
  const [round, setRound] = useState(0);
  // A layout is nothing that the server could find wrong, and a stage is dragged in many steps.
  const { layout: _, ...said } = pipeline;
  const text = JSON.stringify(said);
  useEffect(() => {
    const stopping = new AbortController();
    const look = async () => {
      const asked = JSON.parse(text) as Pipeline;
      try {
        const found = await check(asked, stopping.signal);
        const problems = found.ok ? [] : problemsOf(found.message, asked);
        tell({ state: found.ok ? "good" : "bad", items: found.items, problems });
      } catch (reason) {
        if (stopping.signal.aborted) return;
        const isAway = reason instanceof ApiError && reason.isOffline;
        const problem = { stage: "", field: "", message: isAway ? "The server does not answer." : messageOf(reason) };
        tell({ state: "away", items: 0, problems: [problem] });
        again.current = window.setTimeout(() => setRound((count) => count + 1), 5000);
      }
    };
    tell((before) => ({ ...before, state: "checking" }));
    const timer = setTimeout(look, CHECK_MS);
    return () => {
      clearTimeout(timer);
      clearTimeout(again.current);
      stopping.abort();
    };
  }, [text, round]);
  return verdict;
}
