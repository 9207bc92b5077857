// CLIP Scorer, Feedback Recorder and Retry Until: after a run, a bar for each part of the prompt, what was learned of it,
// and how the tries went.

import { api, app, findNode, growToFit, naturalHeight, t } from "./host.js";
import { openOdds } from "./learn_page.js";
import { el } from "./words.js";

const VIEWS = {
  OrchestratorCLIPScorer: { key: "orchestrator_scores", hint: () => t("score_hint"), parts: scoreParts },
  OrchestratorFeedbackRecorder: { key: "orchestrator_feedback", hint: () => t("feedback_hint"), parts: feedbackParts },
  OrchestratorRetryUntil: { key: "orchestrator_tries", hint: () => t("retry_hint"), parts: tryParts },
};
const views = new WeakMap();
const LOWEST = 44; // px
const HIGHEST = 360; // px, at most, that the node takes by itself
const WIDTH = 340;
const OPEN = 4; // images whose bars are shown at once

function addStyles() {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL("../css/scores.css", import.meta.url).href;
  document.head.append(link);
}

class ResultView {
  constructor(node, { key, hint, parts }) {
    Object.assign(this, { node, key, build: parts, height: LOWEST });
    this.element = el("div", { class: "orc-view orq-view" }, el("p", { class: "orc-hint" }, hint()));
    this.element.addEventListener("wheel", (event) => this.scrolls() && event.stopPropagation(), { passive: true });
    const options = { serialize: false, hideOnZoom: false, getMinHeight: () => this.height + 12, getValue: () => "", setValue: () => {} };
    node.addDOMWidget(key, "orchestrator_view", this.element, options).serialize = false;
    if (node.size[0] < WIDTH) node.setSize([WIDTH, node.size[1]]);
  }

  scrolls() {
    return this.element.scrollHeight > this.element.clientHeight;
  }

  show(told) {
    if (told.at(-1).goes_on && this.told?.at(-1).tries.length > told.at(-1).tries.length) return; // the cache has the first try alone
    this.told = told;
    const fit = () => this.fit();
    this.element.replaceChildren(...told.flatMap((one) => this.build(one, fit)).filter(Boolean));
    fit();
  }

  fit() {
    this.height = Math.max(LOWEST, Math.min(naturalHeight(this.element), HIGHEST));
    this.element.style.minHeight = `${this.height}px`;
    growToFit(this.node);
  }
}

export function percent(value) {
  return value == null ? "–" : `${Math.round(value * 100)} %`;
}

// CLIP Scorer

function scoreParts({ images, scorer, whole, problems }, fit) {
  const passed = images.filter(({ passed }) => passed).length;
  return [
    el("header", {}, el("b", {}, t("score_passed", { passed, count: images.length })), el("small", { title: scorer }, nameOf(scorer))),
    ...problems.map((problem) => el("p", { class: "orc-problem" }, problem)),
    ...images.map((image, number) => imageElement(image, number < OPEN, fit)),
    ...whole.map((one) => el("p", { class: "orc-hint" }, one)),
  ];
}

/** "clip:ViT-B-32 0a1b…:float32:1" as people know it. */
function nameOf(scorer) {
  return scorer.split(":").slice(0, 2).join(" ");
}

function imageElement({ number, value, passed, is_best: isBest, parts, compared = [] }, isOpen, fit) {
  const state = value == null ? "none" : passed ? "passed" : "failed";
  const summary = el("summary", {}, el("b", {}, t("score_image", { number })), el("span", { class: `orq-badge ${state}` }, percent(value)), isBest && el("small", {}, t("score_best")));
  const element = el("details", { class: "orq-image", ontoggle: fit }, summary, ...parts.map(barElement), ...compared.map(comparedElement));
  element.open = isOpen;
  return element;
}

function barElement({ text, probability, low, high, calibrated, reason, metric }) {
  const is = probability == null ? "unmeasured" : calibrated ? "measured" : "uncalibrated";
  const said = probability == null ? reason : calibrated ? percent(probability) : `${percent(probability)} ${t("score_uncalibrated")}`;
  const title = probability == null ? reason : [t("score_interval", { low: percent(low), high: percent(high) }), reason].filter(Boolean).join("\n");
  const bar = el("i", { class: "orq-bar", style: `--at: ${probability ?? 0}; --low: ${low}; --high: ${high}` });
  return el(
    "div",
    { class: `orq-part ${is}`, title },
    el("span", { dir: "auto" }, metric === "style" ? t("score_style", { text }) : text),
    probability == null ? null : bar,
    el("small", {}, said),
  );
}

/** "missing: red scarf 12%": what a tagger or a caption says of the image. */
function comparedElement([name, parts]) {
  return el("p", { class: `orq-compared ${name.replaceAll(" ", "-")}` }, el("b", {}, nameOfGroup(name)), " ", el("span", { dir: "auto" }, parts.join(", ")));
}

function nameOfGroup(name) {
  const names = {
    fulfilled: t("score_fulfilled"),
    missing: t("score_missing"),
    unasked: t("score_unasked"),
    mentioned: t("score_mentioned"),
    "not mentioned": t("score_notMentioned"),
    "not asked for": t("score_notAsked"),
    "not known to the tagger": t("score_unknown"),
    caption: t("score_caption"),
  };
  return names[name] ?? name;
}

// Feedback Recorder

function feedbackParts({ kept, learned, lines, learning }) {
  const open = el("button", { type: "button", class: "orq-open", onclick: () => openOdds() }, el("i", { class: "pi pi-chart-bar" }), " ", t("feedback_open"));
  open.addEventListener("pointerdown", (event) => event.stopPropagation());
  return [
    el("header", {}, el("b", {}, learned ? t("feedback_learned", { count: learned }) : t("feedback_nothing")), open),
    el("p", { class: "orc-hint" }, t(`learn_mode_${learning}`)),
    ...lines.map((line) => el("p", { dir: "auto" }, line)),
    el("p", { class: "orc-hint" }, kept),
  ];
}

// Retry Until

function tryParts({ tries, until, is_reached: isReached }) {
  const line = ({ number, value, is_best: isBest, changes }) =>
    el(
      "li",
      { class: isBest ? "orq-best" : "" },
      el("b", {}, t("retry_try", { number })),
      el("i", { class: "orq-bar", style: `--at: ${value ?? 0}; --low: ${value ?? 0}; --high: ${value ?? 0}` }),
      el("small", {}, percent(value)),
      ...changes.map((change) => el("p", { class: "orc-hint", dir: "auto" }, change)),
    );
  const values = { until: percent(until), count: tries.length };
  const head = isReached ? t("retry_reached", values) : t("retry_notReached", values);
  return [el("header", {}, el("b", {}, head)), el("ol", { class: "orq-tries" }, ...tries.map(line))];
}

function showResults(id, output) {
  const view = output && id != null ? views.get(findNode(id) ?? {}) : null;
  const told = view && output[view.key];
  if (told?.length) view.show(told);
}

app.registerExtension({
  name: "Orchestrator.Scores",

  setup() {
    addStyles();
    api.addEventListener("executed", ({ detail }) => showResults(detail.display_node ?? detail.node, detail.output));
  },

  nodeCreated(node) {
    const kind = VIEWS[node.comfyClass];
    if (kind && !views.has(node)) views.set(node, new ResultView(node, kind));
  },

  onNodeOutputsUpdated(outputs) {
    for (const [id, output] of Object.entries(outputs)) showResults(id, output);
  },
});
