// Where in the page one is: "#/builder/name?x=1". The hash, so that the server need not know any of it.

import { useSyncExternalStore } from "react";

export interface Route {
  /** "" is the gallery; else the first word: "stories", "grids", "folders", "builder". */
  page: string;
  /** What comes behind it, decoded: the grid's id, the pipeline's name. */
  rest: string[];
  params: URLSearchParams;
}

export function parseRoute(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#?\/?/, "").split(/\?(.*)/s);
  const [page = "", ...rest] = path.split("/").map(decoded);
  return { page: page === "gallery" ? "" : page, rest: rest.filter(Boolean), params: new URLSearchParams(query) };
}

export function hrefOf(page: string, rest: string[] = [], params: Record<string, string> = {}): string {
  const path = [page, ...rest].filter(Boolean).map(encodeURIComponent).join("/");
  const query = new URLSearchParams(Object.entries(params).filter(([, value]) => value !== "")).toString();
  return `#/${path}${query ? "?" + query : ""}`;
}

/** Goes there; `replace` leaves no step in the history. */
export function go(href: string, replace = false): void {
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

function subscribe(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  addEventListener("popstate", listener);
  return () => {
    removeEventListener("hashchange", listener);
    removeEventListener("popstate", listener);
  };
}

export function useRoute(): Route {
  return parseRoute(useSyncExternalStore(subscribe, () => location.hash));
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
