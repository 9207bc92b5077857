// Marks on their way to the server. Kept in the browser's storage, sent one after the other, so that nothing is lost
// while the server is away; where someone else marked the same meanwhile, both sides are told and the person chooses.

import { ApiError, messageOf } from "../errors";
import type { Card, Fields, Marked, Stale } from "../types";
import { withFields } from "./cards";

export interface Op {
  id: string;
  images: number[];
  fields: Fields;
  /** The revision up to which the person had seen what others did; null overwrites whatever is there. */
  seen: number | null;
}

export interface Conflict {
  op: Op;
  stale: Stale;
  revision: number;
}

export interface Wiring {
  storage: Pick<Storage, "getItem" | "setItem" | "removeItem"> | null;
  send: (op: Op) => Promise<Marked>;
  /** The server has it. `wasLate`: it had waited for the server. */
  onSent: (op: Op, answer: Marked, wasLate: boolean) => void;
  onConflict: (conflict: Conflict) => void;
  /** The server will never take it: why. */
  onRefused: (op: Op, reason: string) => void;
  /** What waits has changed. */
  onChange: () => void;
  /** Calls back when it is worth another try. */
  later: (retry: () => void, tries: number) => void;
}

const KEY = "orchestrator.marks";
export const MOST_IMAGES = 1000; // in one call

export class MarkQueue {
  private ops: Op[];
  private sending: Op | null = null;
  private tries = 0;
  private count = 0;
  private idle: (() => void)[] = [];
  private late = new Set<string>();
  /** All that ever was this queue's: what else lies in the storage is another tab's. */
  private known = new Set<string>();
  /** What this page itself set last, by "image.field": such a change is nobody else's. */
  private own = new Map<string, boolean | number>();

  constructor(private wiring: Wiring) {
    this.ops = read(wiring.storage);
    for (const op of this.ops) {
      this.late.add(op.id);
      this.known.add(op.id);
    }
  }

  get waiting(): number {
    return this.ops.length;
  }

  /** The server did not answer, and something waits for it. */
  get isStuck(): boolean {
    return this.tries > 0 && this.ops.length > 0;
  }

  add(images: number[], fields: Fields, seen: number | null): void {
    for (let at = 0; at < images.length; at += MOST_IMAGES) this.addOne(images.slice(at, at + MOST_IMAGES), fields, seen);
    this.changed();
    void this.flush();
  }

  /** Takes back the newest that was not sent yet. */
  takeBack(): Op | null {
    const op = this.ops.at(-1);
    if (!op || op === this.sending) return null;
    this.ops.pop();
    this.changed();
    return op;
  }

  /** Resolves when nothing is on its way any more: sent, or kept for later. */
  settled(): Promise<void> {
    return this.sending ? new Promise((resolve) => this.idle.push(resolve)) : Promise.resolve();
  }

  /** What is to be shown although the server does not say so yet. */
  pending(): Map<number, Fields> {
    const all = new Map<number, Fields>();
    for (const op of this.ops) for (const id of op.images) all.set(id, withFields<Fields>(all.get(id) ?? {}, op.fields));
    return all;
  }

  /** Sends what waits, oldest first, until nothing does or the server does not answer. */
  async flush(): Promise<void> {
    if (this.sending) return;
    for (let op = this.ops[0]; op; op = this.ops[0]) {
      this.sending = op;
      const goesOn = await this.sendOne(op);
      this.sending = null;
      if (!goesOn) break;
    }
    for (const resolve of this.idle.splice(0)) resolve();
  }

  private async sendOne(op: Op): Promise<boolean> {
    try {
      const answer = await this.wiring.send(op);
      this.tries = 0;
      this.done(op);
      this.remember(op);
      this.wiring.onSent(op, answer, this.late.delete(op.id));
    } catch (reason) {
      if (reason instanceof ApiError && (reason.isOffline || reason.status === 503 || reason.status === 429)) {
        this.late.add(op.id);
        this.tries++;
        this.wiring.onChange();
        this.wiring.later(() => void this.flush(), this.tries);
        return false;
      }
      this.refused(op, reason);
    }
    return true;
  }

  private refused(op: Op, reason: unknown): void {
    const body = reason instanceof ApiError ? (reason.body as { stale?: Stale; revision?: number } | null) : null;
    if (reason instanceof ApiError && reason.status === 412 && body?.stale && body.revision !== undefined) {
      if (this.isOwn(body.stale)) op.seen = body.revision;
      else {
        this.done(op);
        this.wiring.onConflict({ op, stale: body.stale, revision: body.revision });
      }
      return;
    }
    this.done(op);
    this.wiring.onRefused(op, messageOf(reason));
  }

  /** All that stands against it was set by this page: whoever marks twice in a row means the second. */
  private isOwn(stale: Stale): boolean {
    const entries = Object.entries(stale).flatMap(([id, fields]) =>
      Object.entries(fields).map(([field, { now }]) => this.own.get(`${id}.${field}`) === now),
    );
    return entries.length > 0 && entries.every(Boolean);
  }

  /** These marks came of what this page itself did (an undo). */
  settle(cards: Iterable<Card>): void {
    for (const { id, favourite, reject, rating } of cards)
      for (const [field, value] of Object.entries({ favourite, reject, rating })) this.own.set(`${id}.${field}`, value);
  }

  private remember(op: Op): void {
    const fields = Object.entries(withFields<Fields>({}, op.fields));
    for (const id of op.images) for (const [field, value] of fields) this.own.set(`${id}.${field}`, value);
  }

  private addOne(images: number[], fields: Fields, seen: number | null): void {
    const same = this.ops.find(
      (op) => op !== this.sending && String(op.images) === String(images) && sameKeys(op.fields, fields),
    );
    // 3, no, 4 stars: what was not sent yet need not be sent at all.
    if (same) same.fields = fields;
    else {
      const id = `${Date.now().toString(36)}-${this.count++}-${Math.random().toString(36).slice(2, 8)}`;
      this.known.add(id);
      this.ops.push({ id, images, fields, seen });
    }
  }

  private done(op: Op): void {
    this.ops = this.ops.filter((other) => other !== op);
    this.changed();
  }

  private changed(): void {
    try {
      const others = read(this.wiring.storage).filter((op) => !this.known.has(op.id));
      const all = [...others, ...this.ops];
      if (all.length) this.wiring.storage?.setItem(KEY, JSON.stringify(all));
      else this.wiring.storage?.removeItem(KEY);
    } catch {
      // The storage is full or forbidden: the marks live as long as the page.
    }
    this.wiring.onChange();
  }
}

function sameKeys(one: Fields, other: Fields): boolean {
  return String(Object.keys(one).sort()) === String(Object.keys(other).sort());
}

function read(storage: Wiring["storage"]): Op[] {
  try {
    const ops: unknown = JSON.parse(storage?.getItem(KEY) ?? "[]");
    return Array.isArray(ops) ? ops.filter(isOp) : [];
  } catch {
    return [];
  }
}

function isOp(op: Partial<Op> | null): op is Op {
  return typeof op?.id === "string" && Array.isArray(op.images) && typeof op.fields === "object" && op.fields !== null;
}
