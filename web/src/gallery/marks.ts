// Marks as the page makes them: shown at once, sent by the queue, taken back by undo; what happened is said.

import { post, put, messageOf, ApiError } from "../api";
import { Signal } from "../signal";
import { complain, say } from "../toasts";
import type { Fields, Marked } from "../types";
import { cards } from "./cards";
import { live } from "./live";
import { type Conflict, MarkQueue, type Op } from "./mark_queue";

/** How many marks wait because the server does not answer. */
export const waiting = new Signal(0);
/** Marks that someone else set otherwise meanwhile, for the person to decide. */
export const conflicts = new Signal<Conflict[]>([]);

const steps: number[] = []; // the server's numbers of what this page did, for undo
let sentLate = 0;
let putAway = () => {}; // what offers to take the last one back

export const queue: MarkQueue = new MarkQueue({
  storage: storage(),
  send,
  onSent: (op, answer, wasLate) => {
    cards.put(answer.images);
    steps.push(answer.step);
    live.came();
    if (wasLate) sentLate += 1;
    if (sentLate && !queue.waiting) {
      say(`${sentLate === 1 ? "A mark" : `${sentLate} marks`} that waited for the server ${sentLate === 1 ? "is" : "are"} kept now.`);
      sentLate = 0;
    } else if (op.images.length > 1) putAway = say(`${describe(op.fields)}: ${op.images.length} images.`, { action: { title: "Undo", run: () => void undo() } });
  },
  onConflict: (conflict) => conflicts.set([...conflicts.value, conflict]),
  onRefused: (_, reason) => complain(`The mark was not kept: ${reason}`),
  onChange: changed,
  later: (retry, tries) => {
    live.isOnline.set(false);
    setTimeout(retry, Math.min(15_000, 500 * 2 ** tries));
  },
});

function changed(): void {
  queueMicrotask(() => {
    cards.setPending(queue.pending());
    waiting.set(queue.isStuck ? queue.waiting : 0);
  });
}

/** What was left from an earlier visit is sent, and what waits goes as soon as the server is back. */
export function resumeMarks(): void {
  changed();
  live.onBack.add(() => void queue.flush());
  void queue.flush();
}

export function mark(ids: number[], fields: Fields): void {
  if (!ids.length) return;
  queue.add(ids, fields, live.revision);
  cards.setPending(queue.pending());
  if (ids.length === 1) announce(describe(fields));
}

/** F, X and stars on several images: set where any lacks it, else taken away. */
export function toggle(ids: number[], field: "favourite" | "reject"): void {
  mark(ids, { [field]: !ids.every((id) => cards.get(id)?.[field]) });
}

export async function undo(): Promise<void> {
  putAway(); // else it would offer to take back what was before
  await queue.settled(); // what is on its way has no step yet that could be taken back
  if (queue.takeBack()) {
    cards.setPending(queue.pending());
    say("Taken back before it was sent.");
    return;
  }
  const step = steps.pop() ?? null;
  try {
    const answer = await post<Marked>("gallery/undo", { step });
    cards.put(answer.images);
    queue.settle(answer.images);
    say(`Taken back: ${answer.images.length === 1 ? "the mark of one image" : `the marks of ${answer.images.length} images`}.`);
  } catch (reason) {
    if (step !== null && reason instanceof ApiError && reason.isOffline) steps.push(step);
    if (reason instanceof ApiError && reason.code === "nothing_to_undo") say("There is nothing to take back.");
    else complain(messageOf(reason));
  }
}

/** The keys that mark, wherever images are: 1–5, 0, F, X, U. With Shift it goes on to the next one. */
export function markKey(key: string, event: KeyboardEvent, ids: number[], next?: () => void): boolean {
  const digit = /^(?:Digit|Numpad)([0-5])$/.exec(event.code)?.[1];
  const isControl = event.ctrlKey || event.metaKey;
  if ((key === "u" && !isControl) || (key === "z" && isControl)) void undo();
  else if (isControl || event.altKey) return false;
  else if (digit !== undefined) mark(ids, { rating: Number(digit) });
  else if (key === "f") toggle(ids, "favourite");
  else if (key === "x") toggle(ids, "reject");
  else return false;
  if (event.shiftKey && key !== "u" && key !== "z") next?.();
  return true;
}

/** Whoever was told of both sides decides: `mine` sets it all the same. */
export function decide(conflict: Conflict, mine: boolean): void {
  conflicts.set(conflicts.value.filter((other) => other !== conflict));
  if (mine) queue.add(conflict.op.images, conflict.op.fields, conflict.revision);
  cards.setPending(queue.pending());
}

/** Read out, not shown: the mark itself is to be seen. */
export const announcement = new Signal("");
let flip = false;
function announce(text: string): void {
  flip = !flip; // the same words twice are read twice
  announcement.set(flip ? text : text + "\u00a0");
}

export function describe(fields: Fields): string {
  const said: string[] = [];
  if (fields.favourite !== undefined) said.push(fields.favourite ? "Favourite" : "No favourite");
  if (fields.reject !== undefined) said.push(fields.reject ? "Rejected" : "Not rejected");
  if (fields.rating !== undefined) said.push(starsOf(fields.rating));
  return said.join(", ");
}

export const starsOf = (rating: number): string => (rating === 0 ? "No stars" : rating === 1 ? "1 star" : `${rating} stars`);

function send(op: Op): Promise<Marked> {
  if (op.images.length === 1) {
    const headers = op.seen === null ? undefined : { "If-Match": `"${op.seen}"` };
    return put<Marked>(`gallery/images/${op.images[0]}/marks`, op.fields, { headers });
  }
  return post<Marked>("gallery/marks", { images: op.images, fields: op.fields, seen: op.seen });
}

function storage(): Storage | null {
  try {
    return localStorage;
  } catch {
    return null;
  }
}
