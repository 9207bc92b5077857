// A job as it goes on: by its events where the server sends them, else by asking again and again.

import { ApiError, fetchApi } from "../api";
import { events } from "./events";
import { eventsOf, isAtRest, job as jobNow, type JobWhole } from "./server";

export interface Progress {
  stage: string;
  step?: number;
  steps?: number;
  [other: string]: unknown;
}

export interface Hears {
  job(now: JobWhole): void;
  progress(now: Progress): void;
  /** The server does not answer; it is asked again. "" when it answers again. */
  trouble(message: string): void;
}

const POLL_MS = 1000;
const AGAIN_MS = 2000;

/** Tells until the job has ended, or is held; answers what stops it. */
export function follow(id: string, hears: Hears): () => void {
  const stopping = new AbortController();
  void untilItRests(id, hears, stopping.signal);
  return () => stopping.abort();
}

async function untilItRests(id: string, hears: Hears, signal: AbortSignal): Promise<void> {
  let streams = true;
  while (!signal.aborted) {
    try {
      const now = await jobNow(id, signal);
      hears.trouble("");
      hears.job(now);
      if (isAtRest(now.state)) return;
      tellProgress(now, hears);
      if (streams) streams = await heard(id, hears, signal);
      else await pause(POLL_MS, signal);
    } catch (reason) {
      if (signal.aborted) return;
      if (reason instanceof ApiError && reason.status >= 400 && reason.status < 500) return hears.trouble(reason.message);
      hears.trouble("The server does not answer. It is asked again.");
      await pause(AGAIN_MS, signal);
    }
  }
}

function tellProgress(now: JobWhole, hears: Hears): void {
  if (now.stage) hears.progress({ ...now.progress, stage: now.stage });
}

/** Listens until the stream ends; false where the server has none. */
async function heard(id: string, hears: Hears, signal: AbortSignal): Promise<boolean> {
  let answer: Response;
  try {
    answer = await fetchApi("GET", eventsOf(id), { signal, headers: { Accept: "text/event-stream" } });
  } catch (reason) {
    if (reason instanceof ApiError && [404, 406, 501, 503].includes(reason.status)) return false;
    throw reason;
  }
  if (!answer.body || !answer.headers.get("Content-Type")?.startsWith("text/event-stream")) {
    await answer.body?.cancel();
    return false;
  }
  let looking: Promise<void> = Promise.resolve();
  let isAsked = false;
  const look = () => {
    if (isAsked) return; // several events at once are one look
    isAsked = true;
    looking = looking.then(() => pause(60, signal)).then(async () => {
      isAsked = false;
      hears.job(await jobNow(id, signal));
    });
    looking.catch(() => {});
  };
  let stage = "";
  for await (const { name, data } of events(answer.body)) {
    if (name === "end") break;
    if (name === "progress") {
      const told = data as { stage: string; progress: Record<string, unknown> };
      hears.progress({ ...told.progress, stage: told.stage });
      if (told.stage !== stage) look();
      stage = told.stage;
    } else look();
  }
  await looking;
  return true;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
