// What others do, as they do it: GET /gallery/changes as a long poll, which every server has. It rests while the page is
// hidden (a browser opens only six connections to a server) and goes on where it was.

import { api, ApiError } from "../api";
import { Signal } from "../signal";
import type { Changes } from "../types";
import { cards } from "./cards";

const WAIT = 25; // seconds that the server may take to answer
const FULL_MS = 1000; // an empty answer that comes sooner says that as many wait as may
const PAUSE_MS = 4000;

class Live {
  /** Whether the server answered when it was last asked. */
  readonly isOnline = new Signal(true);
  /** Images that this page had not known, newest revision first come. */
  readonly onNew = new Set<(ids: number[]) => void>();
  readonly onBack = new Set<() => void>();
  /** Something about images is other than it was: a mark, a new image, one that is gone. */
  readonly onChange = new Set<() => void>();
  /** Up to here the page has seen everything. */
  private seen: number | null = null;
  private isRunning = false;
  private awaken: (() => void) | null = null;
  private asking: AbortController | null = null;

  get revision(): number | null {
    return this.seen;
  }

  /** A page of images came: what was changed before this revision is in it. The first one begins the listening. */
  begin(revision: number): void {
    this.seen ??= revision;
    this.came();
    if (this.isRunning) return;
    this.isRunning = true;
    document.addEventListener("visibilitychange", () => (document.hidden ? this.asking?.abort() : this.wake()));
    addEventListener("online", () => this.wake());
    void this.listen();
  }

  /** Something was answered, so the server is there. */
  came(): void {
    if (this.isOnline.value) return;
    this.isOnline.set(true);
    for (const back of this.onBack) back();
  }

  wake(): void {
    this.awaken?.();
  }

  private async listen(): Promise<void> {
    let failures = 0;
    for (;;) {
      if (document.hidden) await this.sleep(Infinity);
      try {
        this.asking = new AbortController();
        const began = Date.now();
        const wait = failures ? 0 : WAIT;
        const changes = await api<Changes>("GET", "gallery/changes", {
          query: { since: this.seen, wait },
          signal: this.asking.signal,
        });
        failures = 0;
        this.take(changes);
        const isFull = wait > 0 && !changes.images.length && Date.now() - began < FULL_MS;
        if (isFull) await this.sleep(PAUSE_MS);
      } catch (reason) {
        if (document.hidden) continue;
        failures++;
        if (reason instanceof ApiError && reason.isOffline) this.isOnline.set(false);
        await this.sleep(Math.min(15_000, 500 * 2 ** failures));
      }
    }
  }

  private take(changes: Changes): void {
    const fresh = changes.images.filter((card) => !cards.has(card.id) && card.revision > (this.seen ?? 0));
    cards.put(changes.images);
    this.seen = Math.max(this.seen ?? 0, changes.revision);
    this.came();
    if (changes.images.length) for (const tell of this.onChange) tell();
    if (fresh.length) for (const tell of this.onNew) tell(fresh.map((card) => card.id));
  }

  private sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === Infinity ? 0 : setTimeout(() => this.wake(), ms);
      this.awaken = () => {
        clearTimeout(timer);
        this.awaken = null;
        resolve();
      };
    });
  }
}

export const live = new Live();
