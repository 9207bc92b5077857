// One job as a row of the queue, and what of it is the same everywhere: its state in words, its picture.

import { api, t } from "./host.js";
import { el } from "./words.js";

const ICONS = { waiting: "pi-clock", running: "pi-spin pi-spinner", held: "pi-pause-circle", done: "pi-check-circle", failed: "pi-times-circle", cancelled: "pi-ban" };

/** ``act(deed)`` is called for its buttons. */
export function rowElement(job, act) {
  const row = el(
    "div",
    { class: `orj-row orj-${job.state}`, role: "option", title: job.error || "", "data-job": job.number },
    pictureElement(job),
    el("div", { class: "orj-words" }, el("b", { dir: "auto" }, job.title || t("queue_unnamed", { number: job.number })), el("small", { dir: "auto" }, told(job))),
    el("span", { class: "orj-acts" }, ...deedsOf(job).map((deed) => deedButton(deed, job, act))),
    job.state === "running" && el("i", { class: "orj-bar" }),
  );
  if (job.state === "running") showProgress(row, job);
  return row;
}

function pictureElement(job) {
  const view = job.images[0]?.view;
  const url = view && api.apiURL(`/view?${new URLSearchParams({ ...view, preview: "webp;70" })}`);
  return url
    ? el("img", { class: "orj-picture", src: url, alt: "", loading: "lazy", draggable: "false" })
    : el("span", { class: "orj-picture", role: "img", "aria-label": stateOf(job) }, el("i", { class: `pi ${ICONS[job.state]}` }));
}

/** What can be done with it from its row. */
export function deedsOf(job) {
  if (job.state === "waiting") return ["top", "hold", "cancel"];
  if (job.state === "running") return ["cancel"];
  if (job.state === "held") return ["retry", "cancel"];
  return job.state === "done" ? ["requeue"] : ["retry", "requeue"];
}

const DEEDS = { top: "pi-angle-double-up", hold: "pi-pause", cancel: "pi-times", retry: "pi-play", requeue: "pi-replay" };

function deedButton(deed, job, act) {
  const title = t(`queue_do_${deed}`);
  const label = `${title}: ${job.title || job.number}`;
  return el("button", { type: "button", class: "ors-icon", tabindex: "-1", title, "aria-label": label, "data-do": deed, onclick: () => act(deed) }, el("i", { class: `pi ${DEEDS[deed]}` }));
}

/** The second line: what is most worth knowing. */
function told(job) {
  const state = stateOf(job);
  if (job.state === "running") return [state, progressOf(job)].filter(Boolean).join(" · ");
  if (job.error) return `${state} · ${job.error}`;
  const facts = [job.priority && t("queue_priority", { priority: job.priority }), job.target && t("queue_for", { target: job.target }), job.checkpoint].filter(Boolean);
  return (job.state === "waiting" && facts.length ? facts : [state, ...facts]).join(" · ");
}

export function stateOf(job) {
  if (job.is_stopping) return t("queue_stopping");
  const word = t(`queue_state_${job.state}`);
  const why = job.state === "held" && job.reason && !job.error;
  return why ? `${word}: ${wordFor("reason", job.reason)}` : word;
}

/** A word of the core in the page's language; one that is newer than the page stays as it is. */
export function wordFor(kind, word) {
  const key = `queue_${kind}_${word.replaceAll(" ", "_")}`;
  const said = t(key);
  return said === key ? word : said;
}

function progressOf(job) {
  const { what, step, steps } = job.progress;
  const counted = steps ? `${step}/${steps}` : "";
  return [job.stage, what && what !== job.stage ? what : "", counted].filter(Boolean).join(" ");
}

export function showProgress(row, job) {
  const { step, steps } = job.progress;
  row.querySelector(".orj-bar")?.style.setProperty("--done", steps ? Math.min(1, step / steps) : 0);
  const line = row.querySelector("small");
  if (line) line.textContent = told(job);
}
