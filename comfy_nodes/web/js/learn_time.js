// Of the Learned odds tab: what learned odds have brought, values that go together, and files to take along or in.

import { ask, t, toast } from "./host.js";
import { save } from "./sharing.js";
import { el } from "./words.js";

const TABLES = ["scores", "values", "pairs", "effect"];
const percent = (value) => `${Math.round(100 * value)} %`;

/** ``onopen`` is called when a person opens it; ``time`` is what was asked for then, or null. */
export function timeElement(time, isOpen, onopen) {
  const element = el(
    "details",
    { class: "ors-log orq-time", ontoggle: () => onopen(element.open) },
    el("summary", {}, t("learn_time")),
    ...(time ? [effectsElement(time), pairsElement(time)] : []),
  );
  element.open = isOpen;
  return element;
}

function effectsElement({ effects }) {
  if (!effects.length) return el("p", { class: "ors-soft" }, t("learn_timeNone"));
  const several = new Set(effects.map((one) => one.context)).size > 1;
  const row = (one) =>
    el(
      "tr",
      { title: one.low == null ? "" : t("learn_between", { low: points(one.low), high: points(one.high) }) },
      el("td", { dir: "auto" }, one.scorer || t("learn_byMarks"), several && el("small", {}, ` ${one.context}`)),
      cell(one.n_before, one.before),
      cell(one.n_after, one.after),
    );
  return table([t("learn_judge"), t("learn_before"), t("learn_after")], effects.map(row));
}

function cell(count, value) {
  return el("td", {}, count ? percent(value) : "–", count > 0 && el("small", {}, ` ${count}`));
}

function pairsElement({ pairs, looked }) {
  const title = el("h4", {}, t("learn_pairs"));
  if (!pairs.length) return el("div", {}, title, el("p", { class: "ors-soft" }, t("learn_pairsNone", { count: looked })));
  const row = ({ first, second, context, n, expected, seen, sure }) =>
    el(
      "tr",
      { title: t("learn_pairHint", { count: n, sure: `${(100 * sure).toFixed(1)} %`, context }) },
      el("td", { dir: "auto" }, `${first} + ${second}`),
      el("td", {}, percent(expected)),
      el("td", {}, percent(seen)),
    );
  return el("div", {}, title, table([t("learn_together"), t("learn_expected"), t("learn_seen")], pairs.map(row)));
}

function table(names, rows) {
  return el("table", { class: "orq-table" }, el("tr", {}, ...names.map((name) => el("th", {}, name))), ...rows);
}

const points = (value) => `${value > 0 ? "+" : ""}${Math.round(100 * value)}`;

/** ``onTaken(found)`` gets all that is learned after a file was taken in. */
export function filesElement(onTaken) {
  const input = el("input", { type: "file", accept: ".json", hidden: true, onchange: () => takeIn(input, onTaken) });
  const button = (text, onclick) => el("button", { type: "button", onclick }, text);
  return el(
    "details",
    { class: "ors-log orq-files" },
    el("summary", {}, t("learn_files")),
    el(
      "p",
      { class: "orq-slotActions" },
      button(t("learn_export"), () => saveFrom("learning/export", {}, "application/json")),
      button(t("learn_import"), () => input.click()),
      input,
    ),
    el(
      "p",
      { class: "orq-slotActions" },
      ...TABLES.map((name) => button(`${name}.csv`, () => saveFrom("learning/table", { name }, "text/csv"))),
    ),
  );
}

async function saveFrom(path, query, type) {
  try {
    const { name, text } = await ask(path, { query });
    save(name, new Blob([text], { type }));
  } catch (error) {
    toast("error", t("failed"), error.message);
  }
}

async function takeIn(input, onTaken) {
  const [file] = input.files;
  input.value = ""; // the same file may be chosen again
  if (!file) return;
  try {
    const found = await ask("learning/import", { body: { text: await file.text() } });
    toast("success", file.name, found.remarks.join(" "));
    onTaken(found);
  } catch (error) {
    toast("error", t("learn_importFailed", { name: file.name }), error.message);
  }
}
