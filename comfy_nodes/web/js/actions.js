// What can be done with a Wildcard Prompt: by command, by the node's buttons, and by its menu.

import {
  TEMPLATES,
  allNodes,
  ask,
  chosenPromptNode,
  isFixed,
  isPromptNode,
  setValue,
  t,
  templateOf,
  textBoxOf,
  toast,
  typeInto,
  valueOf,
  widgetOf,
} from "./host.js";
import { trailing } from "./autocomplete.js";
import { choose, copy } from "./dialog.js";
import { optionsOf, readRerolls, viewOf, writeRerolls } from "./prompt_node.js";

const NAMES_TOLD = 6; // names, folders or problems in a toast
const MOST_TRIES = 12; // of a part that gives the same again by chance: that is not what somebody asks for

/** Runs an action for the node that is meant; says so where none is, and what went wrong. */
export async function run(action, node = chosenPromptNode()) {
  if (!node) return toast("info", t("selectNode"));
  try {
    await action(node);
  } catch (error) {
    toast("error", t("failed"), error.message);
  }
}

/** Remembers where in which template the cursor was, since a dialog and a button take the focus. */
export class Cursor {
  constructor() {
    document.addEventListener("focusout", (event) => {
      const template = templateOf(event.target);
      if (template)
        Object.assign(this, template, { start: event.target.selectionStart, end: event.target.selectionEnd });
    });
  }

  /** ``{name, start, end}`` of a node: where the cursor last was, or the end of its template. */
  of(node) {
    const name = this.node === node ? this.name : "template";
    const length = String(valueOf(node, name) ?? "").length;
    return this.node === node && this.end <= length
      ? { name, start: this.start, end: this.end }
      : { name, start: length, end: length };
  }
}

export async function insertWildcard(node, cursor) {
  const place = cursor.of(node);
  const item = await choose({
    title: t("insertTitle"),
    placeholder: t("insertSearch"),
    list: listWildcards,
    empty: t("noWildcards"),
  });
  if (!item) return;
  const text = String(valueOf(node, place.name) ?? "");
  const before = /[^\s,({|]$/.test(text.slice(0, place.start)) ? " " : "";
  const inserted = `${before}__${item.label}__${trailing(text, place.end)}`;
  const box = textBoxOf(node, place.name);
  if (box) typeInto(box, place.start, place.end, inserted);
  else setValue(node, place.name, text.slice(0, place.start) + inserted + text.slice(place.end));
}

async function listWildcards(search) {
  const { wildcards, found, total, folders } = await ask("wildcards", { query: { search, limit: 60 } });
  const items = wildcards.map(({ name, detail, samples }) => ({ label: name, detail, more: samples.join("  ·  ") }));
  const note = total
    ? t("wildcardsFound", { shown: items.length, found, total })
    : t("noFiles", { folder: folders[0] ?? "" });
  return { items, note };
}

/** Keeps the prompt as it is from now on; or, where it is kept already, lets it be drawn again. */
export async function fixPrompt(node) {
  if (isFixed(node)) return setValue(node, "mode", "populate");
  const drawn = await shown(node);
  if (drawn) {
    setText(node, "populated_text", drawn.positive);
    setText(node, "populated_negative", drawn.negative);
  }
  setValue(node, "mode", "fixed");
}

/** The prompt that the node shows; drawn now, where it shows none. */
async function shown(node) {
  const view = viewOf(node);
  if (view?.drawn) return view.drawn;
  if (view?.linked.length) return null; // only a run knows what comes along the link
  return (await ask("draw", { body: optionsOf(node) })).prompts[0];
}

function setText(node, name, text) {
  const widget = widgetOf(node, name);
  if (widget) widget.value = text;
}

export async function rerollSlot(node) {
  if (viewOf(node)?.linked.length) return toast("info", t("linkedReroll"));
  if (valueOf(node, "method") !== "random") return toast("info", t("onlyRandom"));
  const drawn = await shown(node);
  const slots = drawn.slots.filter((slot) => slot.text || !/^\$\{\s*\w+\s*(:|\})/.test(slot.source));
  if (!slots.length) return toast("info", t("nothingDrawn"));
  const items = slots.map((slot) => ({ slot, label: slot.text || t("nothing"), detail: slot.source }));
  const matches = (item, words) => words.every((word) => `${item.label} ${item.detail}`.toLowerCase().includes(word));
  const list = (search) => ({ items: items.filter((item) => matches(item, search.toLowerCase().split(/\s+/))) });
  const item = await choose({ title: t("rerollTitle"), placeholder: t("rerollSearch"), list, empty: t("noSlots") });
  if (item) await rerollThis(node, item.slot.id);
}

/** Draws one part of the shown prompt again, and leaves all others as they are shown. */
export async function rerollThis(node, slot) {
  if (valueOf(node, "method") !== "random") return toast("info", t("onlyRandom"));
  const drawn = await shown(node);
  const rerolls = known(readRerolls(valueOf(node, "rerolls")), drawn.slots);
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    rerolls[slot] = (rerolls[slot] ?? 0) + 1;
    const [next] = (await ask("draw", { body: { ...optionsOf(node), seed: drawn.seed, rerolls } })).prompts;
    if (next.positive !== drawn.positive || next.negative !== drawn.negative) return take(node, next, rerolls);
  }
  toast("info", t("alwaysSame", { times: MOST_TRIES }));
}

/** Without parts that are not in the template any more. */
function known(rerolls, slots) {
  const ids = new Set(slots.map((slot) => slot.id));
  return Object.fromEntries(Object.entries(rerolls).filter(([id]) => ids.has(id)));
}

function take(node, drawn, rerolls) {
  setText(node, "rerolls", writeRerolls(rerolls));
  setText(node, "seed", drawn.seed);
  setText(node, "populated_text", drawn.positive);
  setText(node, "populated_negative", drawn.negative);
  viewOf(node)?.show(drawn, "next");
}

/** The template with its wildcards, in the form that A1111's and Forge's prompt boxes read too. */
export async function copyAsTemplate(node) {
  const [template, negative] = Object.keys(TEMPLATES).map((name) => String(valueOf(node, name) ?? ""));
  await copy(negative.trim() ? `${template}\nNegative prompt: ${negative}` : template);
  toast("success", t("copied"), template.length > 80 ? `${template.slice(0, 79)}…` : template);
}

export async function reloadWildcards() {
  try {
    const found = await ask("wildcards/reload", { body: {} });
    const parts = ["added", "changed", "removed"].filter((kind) => found[kind].length);
    const detail = parts.map((kind) => t(kind, { names: named(found[kind]) })).join("\n");
    const title = t(detail ? "reloaded" : "nothingChanged", { total: found.total });
    const places = t("readFrom", { folders: found.folders.slice(0, NAMES_TOLD).join("\n") });
    toast(detail ? "success" : "info", title, detail ? `${detail}\n${places}` : places);
    const more = found.more_problems ? `\n${t("more", { count: found.more_problems })}` : "";
    if (found.problems.length) toast("warn", t("problems"), found.problems.slice(0, NAMES_TOLD).join("\n") + more);
    previewAll();
  } catch (error) {
    toast("error", t("failed"), error.message);
  }
}

/** Draws the preview of every prompt node anew. */
export function previewAll() {
  for (const node of allNodes().filter(isPromptNode)) viewOf(node)?.drawSoon();
}

function named(names) {
  const told = names.slice(0, NAMES_TOLD).join(", ");
  return names.length > NAMES_TOLD ? `${told} ${t("andMore", { count: names.length - NAMES_TOLD })}` : told;
}
