import { beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "../errors";
import type { Fields, Marked, Stale } from "../types";
import { type Conflict, MarkQueue, type Op } from "./mark_queue";

/** A server that keeps marks with the revision of each field, and can be away. */
class Server {
  isAway = false;
  revision = 10;
  marks = new Map<string, { value: boolean | number; revision: number }>();
  asked: Op[] = [];

  set(image: number, fields: Fields): void {
    for (const [field, value] of Object.entries(fields)) this.marks.set(`${image}.${field}`, { value, revision: ++this.revision });
  }

  send = async (op: Op): Promise<Marked> => {
    if (this.isAway) throw new ApiError(0, "offline", "away");
    this.asked.push(structuredClone(op));
    const stale: Stale = {};
    for (const image of op.images)
      for (const [field, yours] of Object.entries(op.fields)) {
        const now = this.marks.get(`${image}.${field}`);
        if (now && op.seen !== null && now.revision > op.seen && now.value !== yours) (stale[image] ??= {})[field] = { now: now.value, yours };
      }
    if (Object.keys(stale).length) throw new ApiError(412, "stale_marks", "changed", "", { stale, revision: this.revision });
    for (const image of op.images) this.set(image, op.fields);
    return { images: [], step: this.asked.length, taught: 0, revision: this.revision };
  };
}

class Memory {
  kept = new Map<string, string>();
  getItem = (name: string) => this.kept.get(name) ?? null;
  setItem = (name: string, value: string) => void this.kept.set(name, value);
  removeItem = (name: string) => void this.kept.delete(name);
}

let server: Server;
let memory: Memory;
let conflicts: Conflict[];
let refused: string[];
let late: boolean[];
let retry: () => void;

beforeEach(() => {
  server = new Server();
  memory = new Memory();
  conflicts = [];
  refused = [];
  late = [];
});

const make = () =>
  new MarkQueue({
    storage: memory,
    send: server.send,
    onSent: (_, __, wasLate) => late.push(wasLate),
    onConflict: (conflict) => conflicts.push(conflict),
    onRefused: (_, reason) => refused.push(reason),
    onChange: () => {},
    later: (again) => (retry = again),
  });
const settled = () => vi.waitFor(() => undefined).then(() => new Promise((resolve) => setTimeout(resolve)));

test("a mark is shown at once, sent, and then no longer waits", async () => {
  const queue = make();
  queue.add([1], { rating: 4 }, 10);
  expect(queue.pending().get(1)).toEqual({ rating: 4 });
  await settled();
  expect(queue.waiting).toBe(0);
  expect(server.marks.get("1.rating")?.value).toBe(4);
  expect(memory.kept.size).toBe(0);
});

test("marks made while the server is away outlive the page and are sent when it is back", async () => {
  server.isAway = true;
  const queue = make();
  queue.add([1], { rating: 4 }, 10);
  queue.add([2], { favourite: true }, 10);
  await settled();
  expect(queue.isStuck).toBe(true);

  const later = make(); // the page was loaded again
  expect([...later.pending().keys()]).toEqual([1, 2]);
  server.isAway = false;
  await later.flush();
  expect(server.marks.get("1.rating")?.value).toBe(4);
  expect(server.marks.get("2.favourite")?.value).toBe(true);
  expect(late).toEqual([true, true]);
});

test("it tries again when it is told to", async () => {
  server.isAway = true;
  const queue = make();
  queue.add([1], { rating: 4 }, 10);
  await settled();
  server.isAway = false;
  retry();
  await settled();
  expect(queue.waiting).toBe(0);
});

test("of two marks of one field that were not sent yet only the second is", async () => {
  server.isAway = true;
  const queue = make();
  queue.add([1], { rating: 3 }, 10);
  await settled();
  queue.add([1], { rating: 5 }, 10);
  await settled();
  server.isAway = false;
  await queue.flush();
  expect(server.asked.map((op) => op.fields)).toEqual([{ rating: 5 }]);
});

test("what someone else set meanwhile is told with both values, and the mark no longer shows", async () => {
  server.set(1, { rating: 3 });
  const queue = make();
  queue.add([1], { rating: 5 }, 10);
  await settled();
  expect(conflicts).toHaveLength(1);
  expect(conflicts[0]!.stale).toEqual({ 1: { rating: { now: 3, yours: 5 } } });
  expect(queue.pending().size).toBe(0);
  queue.add(conflicts[0]!.op.images, conflicts[0]!.op.fields, conflicts[0]!.revision);
  await settled();
  expect(server.marks.get("1.rating")?.value).toBe(5);
});

test("another field that someone else set is no conflict", async () => {
  server.set(1, { favourite: true });
  const queue = make();
  queue.add([1], { rating: 5 }, 10);
  await settled();
  expect(conflicts).toEqual([]);
  expect(server.marks.get("1.favourite")?.value).toBe(true);
});

test("marking twice in a row is no conflict with oneself", async () => {
  const queue = make();
  queue.add([1], { rating: 3 }, 10);
  await settled();
  queue.add([1], { rating: 5 }, 10); // what the first one did has not been heard of yet
  await settled();
  expect(conflicts).toEqual([]);
  expect(server.marks.get("1.rating")?.value).toBe(5);
});

test("favourite and reject take each other away, and that is no conflict with oneself either", async () => {
  const queue = make();
  queue.add([1], { favourite: true }, 10);
  expect(queue.pending().get(1)).toEqual({ favourite: true, reject: false });
  await settled();
  server.set(1, { reject: false }); // as the server does with it
  queue.add([1], { reject: true }, 10);
  await settled();
  expect(conflicts).toEqual([]);
});

test("what was not sent yet can be taken back", async () => {
  server.isAway = true;
  const queue = make();
  queue.add([1], { rating: 4 }, 10);
  await settled();
  expect(queue.takeBack()?.images).toEqual([1]);
  expect(queue.waiting).toBe(0);
});

test("what the server will never take is told, and the rest goes on", async () => {
  const queue = make();
  const send = server.send;
  server.send = async (op) => {
    if (op.images[0] === 1) throw new ApiError(404, "not_found", "There is no image 1.");
    return send(op);
  };
  const other = new MarkQueue({ storage: null, send: (op) => server.send(op), onSent: () => {}, onConflict: () => {}, onRefused: (_, reason) => refused.push(reason), onChange: () => {}, later: () => {} });
  other.add([1], { rating: 4 }, 10);
  other.add([2], { rating: 4 }, 10);
  await settled();
  expect(refused).toEqual(["There is no image 1."]);
  expect(server.marks.get("2.rating")?.value).toBe(4);
  expect(queue.waiting).toBe(0);
});

test("more images than one call takes are sent in several", async () => {
  const queue = make();
  queue.add(Array.from({ length: 2500 }, (_, id) => id), { rating: 1 }, 10);
  await settled();
  expect(server.asked.map((op) => op.images.length)).toEqual([1000, 1000, 500]);
});

test("what lies in the storage and is no mark is passed over", () => {
  memory.setItem("orchestrator.marks", '[{"id": 3}, null, "x"]');
  expect(make().waiting).toBe(0);
  memory.setItem("orchestrator.marks", "{broken");
  expect(make().waiting).toBe(0);
});

test("whoever takes back waits for what is on its way", async () => {
  const queue = make();
  queue.add([1], { rating: 4 }, 10);
  expect(queue.takeBack()).toBeNull(); // it is on its way
  await queue.settled();
  expect(late).toEqual([false]);
  server.isAway = true;
  queue.add([1], { rating: 5 }, 10);
  await queue.settled();
  expect(queue.takeBack()?.fields).toEqual({ rating: 5 });
});

test("two tabs without a server do not lose each other's marks", async () => {
  server.isAway = true;
  const [one, other] = [make(), make()];
  one.add([1], { rating: 4 }, 10);
  other.add([2], { rating: 2 }, 10);
  await settled();
  expect([...make().pending().keys()]).toEqual([1, 2]);
  server.isAway = false;
  await one.flush();
  expect([...make().pending().keys()]).toEqual([2]);
  await other.flush();
  expect(memory.kept.size).toBe(0);
});
