// The client of the API. One function asks; an answer that is an error is thrown as ApiError, and a 401 asks the person
// for the token and then asks again.

import { ApiError } from "./errors";
import { session } from "./session";

export { ApiError, messageOf } from "./errors";

/** Where the API is: one level above the page, whatever prefix the host or a proxy has put before both. */
export const API = new URL("..", document.baseURI);

export type QueryValue = string | number | boolean | null | undefined;

export interface Ask {
  query?: Record<string, QueryValue>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** The address of a path below /orchestrator/v1, e.g. url("gallery/images", {q: "fox"}). Empty values are left out. */
export function url(path: string, query: Record<string, QueryValue> = {}): string {
  const address = new URL(path.replace(/^\//, ""), API);
  // A path such as "pipelines:check" would read as a scheme.
  if (/^[a-z]+:/.test(path)) address.href = API.href + path;
  for (const [name, value] of Object.entries(query))
    if (value !== null && value !== undefined && value !== "") address.searchParams.set(name, String(value));
  return address.href;
}

/** The response itself, for streams and files. Throws ApiError unless it is a success. */
export async function fetchApi(method: string, path: string, ask: Ask = {}): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json", ...ask.headers };
  let body: BodyInit | undefined;
  if (ask.body !== undefined) {
    body = typeof ask.body === "string" ? ask.body : JSON.stringify(ask.body);
    headers["Content-Type"] ??= "application/json";
  }
  const address = url(path, ask.query);
  for (;;) {
    const answer = await send(address, { method, headers, body, signal: ask.signal, credentials: "same-origin" });
    if (answer.status === 401) {
      await session.ask(answer.headers.get("WWW-Authenticate") ?? "", ask.signal);
      continue;
    }
    if (!answer.ok) throw await errorOf(answer);
    return answer;
  }
}

/** The JSON that the API answers; undefined for 204. */
export async function api<T>(method: string, path: string, ask: Ask = {}): Promise<T> {
  const answer = await fetchApi(method, path, ask);
  if (answer.status === 204) return undefined as T;
  return (await answer.json()) as T;
}

export const get = <T>(path: string, query?: Ask["query"], signal?: AbortSignal) => api<T>("GET", path, { query, signal });
export const post = <T>(path: string, body: unknown, ask: Ask = {}) => api<T>("POST", path, { ...ask, body });
export const put = <T>(path: string, body: unknown, ask: Ask = {}) => api<T>("PUT", path, { ...ask, body });
export const remove = (path: string) => api<void>("DELETE", path);

async function send(address: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(address, init);
  } catch (reason) {
    if (reason instanceof DOMException && reason.name === "AbortError") throw reason;
    throw new ApiError(0, "offline", "The server does not answer.");
  }
}

async function errorOf(answer: Response): Promise<ApiError> {
  const text = await answer.text().catch(() => "");
  try {
    const body = JSON.parse(text) as { error: { code: string; message: string; where?: string } };
    return new ApiError(answer.status, body.error.code, body.error.message, body.error.where ?? "", body);
  } catch {
    // A proxy before the server says so when the server is away.
    if (answer.status === 502 || answer.status === 504) return new ApiError(0, "offline", "The server does not answer.");
    return new ApiError(answer.status, "unknown", `The server answered ${answer.status}.`, "", text);
  }
}
