// A drawn prompt on the page: its words in the colours of what drew them, a table of decisions, what is odd about it.

import { t } from "./host.js";

const KINDS = ["template", "option", "wildcard", "profile", "memory", "llm", "trigger_words", "user"];

/** An element: ``el("b", {class: "x"}, "text", child)``. Texts are texts, never markup. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

/** ``words`` as the server tells them. ``onSlot(slot)``: what a click on a drawn word does. */
export function wordsElement(words, decisions, onSlot) {
  const byNumber = new Map(decisions.map((decision) => [decision.number, decision]));
  return el(
    "span",
    { class: "orc-words", dir: "auto" },
    ...words.flatMap((word) => wordElements(word, byNumber, onSlot)),
  );
}

export function negativeElement(words, decisions, onSlot) {
  return el("p", { class: "orc-negative" }, el("b", {}, t("negative")), " ", wordsElement(words, decisions, onSlot));
}

function wordElements(word, byNumber, onSlot) {
  const core = word.text.replace(/^[\s,;]+|[\s,;]+$/g, "");
  if (!core || (word.kind === "template" && !word.number)) return [word.text];
  const [before, after] = [
    word.text.slice(0, word.text.indexOf(core)),
    word.text.slice(word.text.indexOf(core) + core.length),
  ];
  const decision = byNumber.get(word.number);
  const canDraw = Boolean(onSlot && word.slot);
  const element = el("span", { class: `orc-w ${word.kind} s${word.shade}` }, core);
  if (decision) element.dataset.tip = tipOf(decision, byNumber, canDraw);
  if (canDraw) {
    element.classList.add("orc-can-draw");
    element.addEventListener("click", () => onSlot(word.slot));
  }
  return [before, element, after];
}

function tipOf(decision, byNumber, canDraw) {
  const lines = [];
  let depth = decision.depth + 1;
  for (let number = decision.number; number > 0 && depth > 0; number--) {
    const outer = byNumber.get(number);
    if (!outer || outer.depth >= depth) continue;
    depth = outer.depth;
    lines.unshift([outer.source, outer.place].filter(Boolean).join("  ·  ") + `\n    ${chanceOf(outer)}`);
  }
  return lines.concat(canDraw ? [t("clickToDraw")] : []).join("\n");
}

/** "2.4 %, 1 of 42". */
export function chanceOf(decision) {
  return t("chance", { percent: decision.chance, options: decision.options.toLocaleString() });
}

/** What the colours mean, of the kinds that occur. The template's own words have none. */
export function legendElement(words) {
  const present = new Set(words.filter((word) => word.text.trim()).map((word) => word.kind));
  const kinds = KINDS.filter((kind) => present.has(kind));
  const look = (kind) => (kind === "template" ? "orc-plain" : `orc-w ${kind} s0`);
  return el("div", { class: "orc-legend" }, ...kinds.map((kind) => el("span", { class: look(kind) }, t(`kind_${kind}`))));
}

/** A line for each thing that a person should know; ``onPlace(diagnostic)``: what a click does. */
export function diagnosticsElement(diagnostics, onPlace) {
  const seen = new Map(diagnostics.map((diagnostic) => [diagnostic.message, diagnostic]));
  return el("ul", { class: "orc-notes" }, ...[...seen.values()].map((diagnostic) => noteElement(diagnostic, onPlace)));
}

function noteElement(diagnostic, onPlace) {
  const inFile = !["positive", "negative"].includes(diagnostic.where);
  const line = el("li", {}, inFile && el("code", {}, diagnostic.where), inFile && " ", diagnostic.message);
  if (onPlace && !inFile) {
    line.classList.add("orc-can-draw");
    line.addEventListener("click", () => onPlace(diagnostic));
  }
  return line;
}

/** The decisions as a table: what was drawn, from what and where, how likely it was. */
export function decisionsElement(decisions) {
  const rows = decisions.map((decision) =>
    el(
      "tr",
      {},
      el("td", { style: `--depth: ${decision.depth}` }, decision.words || "–"),
      el("td", {}, el("code", {}, ...inPieces(decision.source)), place(decision)),
      el("td", {}, chanceOf(decision)),
    ),
  );
  const heads = ["drawn", "from", "chanceHead"].map((key) => el("th", {}, t(key)));
  return el("table", { class: "orc-decisions" }, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...rows));
}

function place(decision) {
  return decision.place && el("small", {}, ...inPieces(decision.place));
}

/** A text that goes on in the next line behind its slashes and bars, not in mid-word. */
function inPieces(text) {
  return text.split(/(?<=[/|])/).flatMap((piece, number) => (number ? [el("wbr"), piece] : [piece]));
}

/** Lets the elements with ``data-tip`` in our views show it beside the mouse, also on a zoomed canvas. */
export function startTips() {
  const tip = el("div", { class: "orc-tip" });
  document.addEventListener("pointerover", (event) => {
    const target = event.target.closest?.(".orc-view [data-tip]");
    if (target) showTip(tip, target);
    else tip.remove();
  });
  // also where a view, and with it what the mouse was on, goes away
  for (const name of ["pointerdown", "wheel"])
    document.addEventListener(name, () => tip.remove(), { capture: true, passive: true });
}

function showTip(tip, target) {
  tip.replaceChildren(target.dataset.tip, ...(target.orcTip ? [target.orcTip()] : []));
  document.body.append(tip);
  const [word, own] = [target.getBoundingClientRect(), tip.getBoundingClientRect()];
  const below = word.bottom + 6;
  tip.style.left = `${Math.max(8, Math.min(word.left, window.innerWidth - own.width - 8))}px`;
  tip.style.top = `${below + own.height < window.innerHeight ? below : word.top - own.height - 6}px`;
}
