// What a picture can do: run again, vary, send to a host, open as a workflow.

import { get, post } from "../api";
import { openWorkflow } from "../place";
import { complain, say } from "../toasts";
import type { Card, Job, Workflow } from "../types";

export interface Again {
  target?: string | null;
  vary?: string | null;
  seed?: "same" | "new";
  count?: number;
}

export async function again(id: number, how: Again): Promise<void> {
  const body = { target: null, vary: null, seed: "same", count: 1, ...how };
  const { jobs } = await post<{ jobs: Job[] }>(`gallery/images/${id}/again`, body);
  await tell(jobs.length);
}

/** A job that nobody takes would wait without a word. */
async function tell(count: number): Promise<void> {
  const jobs = count === 1 ? "One job" : `${count} jobs`;
  const queue = await get<{ is_paused: boolean; workers: { serves: string[] }[] }>("queue").catch(() => null);
  if (queue?.is_paused) complain(`${jobs} in the queue, which is paused.`);
  else if (queue && !queue.workers.some(({ serves }) => serves.some(Boolean)))
    complain(`${jobs} in the queue, and nobody renders: start ComfyUI or Forge with this pack, or orchestrator worker --generator …`);
  else say(`${jobs} in the queue. What comes of it appears in the gallery.`);
}

/** Each once more with a new seed. What cannot run is told, the others run. */
export async function queueAgain(ids: number[]): Promise<void> {
  let count = 0;
  let reason = "";
  for (const id of ids)
    try {
      const body = { target: null, vary: null, seed: "new", count: 1 };
      count += (await post<{ jobs: Job[] }>(`gallery/images/${id}/again`, body)).jobs.length;
    } catch (failure) {
      reason ||= failure instanceof Error ? failure.message : String(failure);
    }
  if (count) await tell(count);
  if (reason) complain(`${ids.length - count} cannot run again: ${reason}`);
}

export async function toWorkflow(card: Card): Promise<void> {
  const { workflow, warnings } = await get<Workflow>(`gallery/images/${card.id}/workflow`);
  if (!workflow) {
    complain(warnings[0] ?? "There is nothing to make a workflow of.");
    return;
  }
  const done = openWorkflow(workflow, card.name.replace(/\.\w+$/, ""));
  say(done === "opened" ? "Opened in the canvas." : "Saved as a file. Drop it into ComfyUI.");
  if (warnings.length) complain(warnings.join(" "));
}

export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without https the browser has no clipboard for pages; a selected text can be copied all the same.
    const box = document.createElement("textarea");
    box.value = text;
    box.style.position = "fixed";
    (document.querySelector("dialog[open], [aria-modal]") ?? document.body).append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
  }
  say("Copied.");
}
