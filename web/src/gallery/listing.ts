// What a query finds, as the grid needs it: the image at an index, loaded a hundred at a time where one looks.

import type { QueryClient } from "@tanstack/react-query";
import { get } from "../api";
import type { Page } from "../types";
import { cards } from "./cards";
import { early } from "./early";

export const PAGE = 100;
const MOST_PAGES = 60; // kept; the rest is loaded again where one comes back

/** A row of images that can be walked through: what the query finds, a story, a chosen few. */
export interface Sequence {
  readonly length: number;
  idAt(index: number): number | undefined;
  need(first: number, last: number): void;
  subscribe(listener: () => void): () => void;
  /** Another number whenever something about it changed. */
  version(): number;
}

export class Fixed implements Sequence {
  constructor(private ids: readonly number[]) {}
  get length() {
    return this.ids.length;
  }
  idAt = (index: number) => this.ids[index];
  need() {}
  subscribe = () => () => {};
  version = () => 0;
}

export class Listing implements Sequence {
  length = 0;
  /** How many newest images came since; the server's offsets have moved by so much. */
  private shift = 0;
  private pages = new Map<number, number[]>();
  private before = new Map<number, number[]>();
  private loading = new Set<number>();
  private listeners = new Set<() => void>();
  private count = 0;
  private isOver = false;

  constructor(
    readonly query: string,
    private client: QueryClient,
    private onPage: (page: Page) => void,
    private onError: (reason: unknown) => void,
    /** The listing of the same query before it: shown until what is newer has come. */
    before: Listing | null = null,
  ) {
    if (before?.query !== query) return;
    this.before = new Map([...before.before, ...before.pages]);
    this.length = before.length;
  }

  setLength(length: number): void {
    if (length === this.length) return;
    this.length = length;
    this.tell();
  }

  moved(by: number): void {
    this.shift += by;
  }

  idAt(index: number): number | undefined {
    const page = Math.floor(index / PAGE);
    return (this.pages.get(page) ?? this.before.get(page))?.[index % PAGE];
  }

  need(first: number, last: number): void {
    const end = Math.min(last, this.length - 1);
    for (let page = Math.floor(Math.max(0, first) / PAGE); page * PAGE <= end; page++) void this.load(page);
  }

  /** The ids from first to last, loaded where they are not there. */
  async ids(first: number, last: number): Promise<number[]> {
    const pages: number[] = [];
    for (let page = Math.floor(first / PAGE); page * PAGE <= last; page++) pages.push(page);
    for (const page of pages) await this.load(page);
    const found: number[] = [];
    for (let index = first; index <= last; index++) {
      const id = this.idAt(index);
      if (id !== undefined) found.push(id);
    }
    return found;
  }

  close(): void {
    this.isOver = true;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  version = (): number => this.count;

  private async load(page: number): Promise<void> {
    if (this.pages.has(page) || this.loading.has(page) || this.isOver) return;
    this.loading.add(page);
    const offset = page * PAGE + this.shift;
    try {
      const answer = await ((offset === 0 && early<Page>("gallery/images", this.query)) || this.ask(offset));
      // A task of its own: answers that come together are not all worked in one frame.
      await new Promise((resolve) => setTimeout(resolve));
      if (this.isOver) return;
      cards.put(answer.images);
      this.pages.set(page, answer.images.map((card) => card.id));
      this.before.delete(page);
      this.evict();
      this.onPage(answer);
      this.tell();
    } catch (reason) {
      if (!this.isOver) this.onError(reason);
    } finally {
      this.loading.delete(page);
    }
  }

  private ask(offset: number): Promise<Page> {
    return this.client.fetchQuery({
      queryKey: ["images", this.query, offset],
      queryFn: ({ signal }) => get<Page>("gallery/images", { q: this.query, limit: PAGE, offset }, signal),
      staleTime: 0,
      gcTime: 0,
    });
  }

  /** The pages that were loaded longest ago go. */
  private evict(): void {
    for (const [page, ids] of this.pages) {
      if (this.pages.size <= MOST_PAGES) return;
      this.pages.delete(page);
      cards.forget(ids);
    }
  }

  private tell(): void {
    this.count++;
    for (const listener of this.listeners) listener();
  }
}
