// The first page of images and its count are asked for before anything is drawn, beside it and not behind it.

import { get } from "../api";
import { parseRoute } from "../route";

const asked = new Map<string, Promise<unknown>>();

export function askEarly(): void {
  const { page, params } = parseRoute(location.hash);
  if (page !== "") return;
  const q = params.get("q") ?? "";
  for (const [path, query] of [firstPage(q), countOf(q)]) {
    const answer = get(path, query);
    answer.catch(() => {}); // whoever takes it says so
    asked.set(path + q, answer);
  }
}

const firstPage = (q: string) => ["gallery/images", { q, limit: 100, offset: 0 }] as const;
const countOf = (q: string) => ["gallery/count", { q }] as const;

/** The answer that is on its way already, once. */
export function early<T>(path: string, q: string): Promise<T> | undefined {
  const answer = asked.get(path + q);
  asked.delete(path + q);
  return answer as Promise<T> | undefined;
}
