// What the page knows of each image: as the server said last, with the marks on top that are still on their way.

import { useSyncExternalStore } from "react";
import type { Card, Fields } from "../types";

/** A favourite is no reject, and the other way round; so the server has it. */
export function withFields<T extends Fields>(card: T, fields: Fields): T {
  const marked = { ...card, ...fields };
  if (fields.favourite) marked.reject = false;
  if (fields.reject) marked.favourite = false;
  return marked;
}

export class Cards {
  private told = new Map<number, Card>();
  private pending = new Map<number, Fields>();
  private shown = new Map<number, Card>();
  private listeners = new Map<number, Set<() => void>>();

  /** As shown: with what waits to be sent. The same object until something about it changes. */
  get(id: number): Card | undefined {
    return this.shown.get(id);
  }

  has(id: number): boolean {
    return this.told.has(id);
  }

  put(cards: Iterable<Card>): void {
    for (const card of cards) {
      const known = this.told.get(card.id);
      if (known && (known.revision > card.revision || isSame(known, card))) continue;
      this.told.set(card.id, card);
      this.show(card.id);
    }
  }

  /** All that waits to be sent, by image. */
  setPending(pending: Map<number, Fields>): void {
    const touched = new Set([...this.pending.keys(), ...pending.keys()]);
    this.pending = pending;
    for (const id of touched) this.show(id);
  }

  /** Forgets those that nobody shows. */
  forget(ids: Iterable<number>): void {
    for (const id of ids) {
      if (this.listeners.has(id) || this.pending.has(id)) continue;
      this.told.delete(id);
      this.shown.delete(id);
    }
  }

  subscribe(id: number, listener: () => void): () => void {
    let all = this.listeners.get(id);
    if (!all) this.listeners.set(id, (all = new Set()));
    all.add(listener);
    return () => {
      all.delete(listener);
      if (!all.size && this.listeners.get(id) === all) this.listeners.delete(id);
    };
  }

  private show(id: number): void {
    const card = this.told.get(id);
    if (!card) return;
    const fields = this.pending.get(id);
    this.shown.set(id, fields ? withFields(card, fields) : card);
    for (const listener of this.listeners.get(id) ?? []) listener();
  }
}

export const cards = new Cards();

const NOTHING = () => () => {};

export function useCard(id: number | undefined): Card | undefined {
  return useSyncExternalStore(
    id === undefined ? NOTHING : subscriberOf(id),
    () => (id === undefined ? undefined : cards.get(id)),
  );
}

// One function an image, so that React does not subscribe anew in every render.
const subscribers = new Map<number, (listener: () => void) => () => void>();
function subscriberOf(id: number) {
  let subscriber = subscribers.get(id);
  if (!subscriber) {
    if (subscribers.size > 20_000) subscribers.clear();
    subscribers.set(id, (subscriber = (listener) => cards.subscribe(id, listener)));
  }
  return subscriber;
}

function isSame(one: Card, other: Card): boolean {
  return one.revision === other.revision && one.broken === other.broken && one.missing === other.missing && one.score === other.score;
}
