// One job in full: its prompt, its stages, why it failed, its pictures, and what can be done with it.

import { api, ask, setting, t } from "./host.js";
import { deedsOf, stateOf, wordFor } from "./queue_row.js";
import { el } from "./words.js";

const CAN_BEGIN_ANEW = ["held", "done", "failed", "cancelled"];

/** ``{act(deed, numbers), rerun(number, stage), back()}`` */
export async function jobElement(number, { act, rerun, back }) {
  const job = await ask("queue/job", { query: { job: number } });
  const title = job.title || t("queue_unnamed", { number });
  const again = CAN_BEGIN_ANEW.includes(job.state);
  const head = el(
    "header",
    {},
    el("button", { type: "button", class: "ors-icon", title: t("queue_back"), "aria-label": t("queue_back"), onclick: back }, el("i", { class: "pi pi-arrow-left" })),
    el("h3", { dir: "auto" }, title),
    el("small", { class: "ors-soft" }, t("queue_number", { number })),
  );
  const button = (deed) => el("button", { type: "button", "data-do": deed, onclick: () => act(deed, [number]) }, t(`queue_do_${deed}`));
  const body = el(
    "div",
    { class: "ors-body", tabindex: "-1" },
    el("p", { class: `orj-state orj-${job.state}` }, stateOf(job)),
    job.error && el("p", { class: "ors-problem orj-error", dir: "auto" }, job.error),
    job.detail && el("details", {}, el("summary", {}, t("queue_detail")), el("pre", {}, job.detail)),
    el("p", { class: "ors-actions" }, ...deedsOf(job).map(button)),
    ...imagesOf(job),
    job.positive && el("section", {}, el("h4", {}, t("queue_prompt")), el("p", { class: "orj-prompt", dir: "auto" }, job.positive)),
    el("section", {}, el("h4", {}, t("queue_stages")), el("ul", { class: "orj-stages" }, ...job.stages.map((stage) => stageElement(job, stage, again, rerun)))),
    ...attemptsOf(job),
    el("details", {}, el("summary", {}, t("queue_history")), el("ul", { class: "orj-history" }, ...job.history.map(eventElement))),
  );
  return el("div", { class: "ors-story", "data-is": JSON.stringify(job) }, head, body);
}

function imagesOf(job) {
  const shown = job.images.filter((image) => image.view);
  const elsewhere = job.images.length - shown.length;
  return [
    shown.length > 0 && el("div", { class: "orj-images" }, ...shown.map(imageElement)),
    elsewhere > 0 && el("p", { class: "ors-soft" }, t("queue_elsewhere", { count: elsewhere })),
  ];
}

function imageElement({ name, view }) {
  const url = api.apiURL(`/view?${new URLSearchParams(view)}`);
  return el("a", { href: url, target: "_blank", rel: "noopener", title: name }, el("img", { src: url, alt: name, loading: "lazy" }));
}

function stageElement(job, stage, again, rerun) {
  const seconds = stage.seconds ? `${stage.seconds.toFixed(1)} s` : "";
  const outcome = wordFor("outcome", stage.outcome || "none");
  return el(
    "li",
    { title: stage.type },
    el("b", { dir: "auto" }, stage.id),
    el("small", {}, [outcome, stage.note, seconds].filter(Boolean).join(" · ")),
    again && el("button", { type: "button", class: "ors-icon", title: t("queue_rerun"), "aria-label": `${t("queue_rerun")}: ${stage.id}`, onclick: () => rerun(job.number, stage.id) }, el("i", { class: "pi pi-replay" })),
  );
}

function attemptsOf(job) {
  if (job.attempts.length < 2) return [];
  const line = (one) => el("li", { dir: "auto" }, t("queue_attempt", { number: one.number }), one.repeats && ` · ${t("queue_repeats", { stage: one.repeats })}`, one.error && ` · ${one.error}`);
  return [el("details", {}, el("summary", {}, t("queue_attempts", { count: job.attempts.length })), el("ul", { class: "orj-history" }, ...job.attempts.map(line)))];
}

function eventElement({ at_ms: at, kind, text }) {
  const time = new Date(at).toLocaleString(setting("Comfy.Locale"), { dateStyle: "short", timeStyle: "medium" });
  return el("li", { dir: "auto" }, el("small", {}, time), " ", [kind, text].filter(Boolean).join(": "));
}
