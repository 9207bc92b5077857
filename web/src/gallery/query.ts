// The text of the search box as terms. The server reads it (docs/gallery.md); the page only adds and takes away.

const TERM = /\s*(-?(?:[A-Za-z_]+(?::|<=|>=|<|>|=))?(?:"[^"]*"|[^\s"]+|(?<=[:<>=])))/gy;

/** The terms as they are written. What cannot be read (an open quote) stays one term to the end. */
export function termsOf(text: string): string[] {
  const terms: string[] = [];
  TERM.lastIndex = 0;
  let end = 0;
  for (let match = TERM.exec(text); match?.[0]; match = TERM.exec(text)) {
    terms.push(match[1]!);
    end = TERM.lastIndex;
  }
  const rest = text.slice(end).trim();
  return rest ? [...terms, rest] : terms;
}

/** `key:value` as the server reads it: quoted where it has spaces; a quote inside cannot be written and is left out. */
export function term(key: string, value: string): string {
  const plain = value.replaceAll('"', "");
  return `${key}:${/[\s|]|^-|^$/.test(plain) ? `"${plain}"` : plain}`;
}

/** It ends in `key:` or in an open quote: more of it is still to come, and as it stands it is none. */
export const isHalfWritten = (text: string): boolean => /(?:^|\s)-?[A-Za-z_]+(?::|<=|>=|<|>|=)$/.test(text) || text.split('"').length % 2 === 0;

export const hasTerm = (text: string, one: string): boolean => termsOf(text).some((other) => isSame(other, one));

/** Adds the term, or takes it away where it is there. Its opposite (-term) goes in either case. */
export function toggleTerm(text: string, one: string): string {
  const opposite = one.startsWith("-") ? one.slice(1) : `-${one}`;
  const terms = termsOf(text);
  const rest = terms.filter((other) => !isSame(other, one) && !isSame(other, opposite));
  return (terms.some((other) => isSame(other, one)) ? rest : [...rest, one]).join(" ");
}

/** Puts the term in the place of all terms with the same key. */
export function replaceKey(text: string, key: string, one: string): string {
  const rest = termsOf(text).filter((other) => keyOf(other) !== key);
  return (one ? [...rest, one] : rest).join(" ");
}

export const SORTS = [
  { value: "", title: "Newest first" },
  { value: "-date", title: "Oldest first" },
  { value: "score", title: "Best score" },
  { value: "-score", title: "Worst score" },
  { value: "rating", title: "Most stars" },
  { value: "-rating", title: "Fewest stars" },
];

export function sortOf(text: string): string {
  const last = termsOf(text).findLast((one) => keyOf(one) === "sort");
  const value = last?.slice("sort:".length) ?? "";
  return value === "date" ? "" : value;
}

export const withSort = (text: string, sort: string): string => replaceKey(text, "sort", sort && `sort:${sort}`);

/** The query without its order: what is found is the same. */
export const withoutSort = (text: string): string => replaceKey(text, "sort", "");

function keyOf(one: string): string {
  return /^-?([A-Za-z_]+)(?::|<=|>=|<|>|=)/.exec(one)?.[1]?.toLowerCase() ?? "";
}

const isSame = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();
