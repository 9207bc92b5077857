import { beforeEach, expect, it, vi } from "vitest";
import type { JobWhole } from "./server";

vi.stubGlobal("document", { baseURI: "http://here/orchestrator/v1/app/" });
const { follow } = await import("./following");

const job = (state: string) => JSON.stringify({ id: "j", state, stage: state === "running" ? "draw" : "", progress: {}, steps: [], images: [] });
const json = (text: string, status = 200) => new Response(text, { status, headers: { "Content-Type": "application/json" } });
let asked: string[];

beforeEach(() => {
  asked = [];
  vi.useFakeTimers();
});

/** Answers of jobs/j in their order, and of its events. */
function serve(states: (string | null)[], events: () => Response): void {
  vi.stubGlobal("fetch", async (address: string) => {
    asked.push(new URL(address).pathname.replace("/orchestrator/v1/", ""));
    if (address.endsWith("/events")) return events();
    const state = states.length > 1 ? states.shift()! : states[0]!;
    if (!state) throw new TypeError("no network");
    return json(job(state));
  });
}

async function heardOf(): Promise<{ states: string[]; trouble: string[] }> {
  const heard = { states: [] as string[], trouble: [] as string[] };
  const stop = follow("j", {
    job: (now: JobWhole) => heard.states.push(now.state),
    progress: () => {},
    trouble: (message) => message && heard.trouble.push(message),
  });
  for (let turn = 0; turn < 200; turn++) await vi.advanceTimersByTimeAsync(50);
  stop();
  return heard;
}

it("asks again and again where the server sends no events", async () => {
  serve(["waiting", "running", "running", "done"], () => json('{"error": {"code": "no_stream", "message": "", "where": ""}}', 501));
  expect((await heardOf()).states).toEqual(["waiting", "running", "running", "done"]);
  expect(asked.filter((path) => path.endsWith("events"))).toHaveLength(1);
});

it("looks when something happens, and once more at the end", async () => {
  const told = 'event: happened\ndata: {}\n\nevent: progress\ndata: {"state":"running","stage":"draw","progress":{}}\n\nevent: end\ndata: {}\n\n';
  serve(["running", "running", "done"], () => new Response(told, { headers: { "Content-Type": "text/event-stream" } }));
  expect((await heardOf()).states).toEqual(["running", "running", "done"]);
});

it("says when the server is away, and goes on when it is back", async () => {
  serve(["running", null, null, "done"], () => json("{}", 503));
  const { states, trouble } = await heardOf();
  expect(states).toEqual(["running", "done"]);
  expect(trouble[0]).toMatch(/asked again/);
});

it("gives up on a job that is not there", async () => {
  vi.stubGlobal("fetch", async () => json('{"error": {"code": "no_such_job", "message": "There is no job.", "where": ""}}', 404));
  expect(await heardOf()).toEqual({ states: [], trouble: ["There is no job."] });
});
