// LoRA Selector and Apply LoRA Stack: after a run, what was chosen and why is shown in the node.

import { api, app, findNode, growToFit, naturalHeight, setting, t } from "./host.js";
import { SELECTOR_NODE, baseBadge, pictureOf } from "./lora_page.js";
import { el } from "./words.js";

const NODES = [SELECTOR_NODE, "OrchestratorLoRAStackApply"];
const views = new WeakMap();
const LOWEST = 34; // px
const HIGHEST = 330; // px, at most, that the node takes by itself
const WIDTH = 360;

class LoraView {
  constructor(node) {
    this.node = node;
    this.height = LOWEST;
    this.element = el("div", { class: "orc-view orl-report" }, el("p", { class: "orc-hint" }, t("lora_reportHint")));
    this.element.addEventListener("wheel", (event) => this.scrolls() && event.stopPropagation(), { passive: true });
    const options = { serialize: false, hideOnZoom: false, getMinHeight: () => this.height + 12, getValue: () => "", setValue: () => {} };
    node.addDOMWidget("orchestrator_loras", "orchestrator_view", this.element, options).serialize = false;
    if (node.size[0] < WIDTH && node.comfyClass === SELECTOR_NODE) node.setSize([WIDTH, node.size[1]]);
  }

  scrolls() {
    return this.element.scrollHeight > this.element.clientHeight;
  }

  show(told) {
    const loras = told.flatMap((each) => each.loras);
    const problems = [...new Set(told.flatMap((each) => each.problems))];
    const chosen = loras.filter(({ state }) => state === "chosen");
    const others = loras.filter(({ state }) => state !== "chosen");
    this.element.replaceChildren(
      ...problems.map((problem) => el("p", { class: "orc-problem" }, problem)),
      ...chosen.map(usedElement),
    );
    if (!chosen.length && this.node.comfyClass === SELECTOR_NODE) this.element.append(el("p", { class: "orc-hint" }, t("lora_noneChosen")));
    if (!chosen.length && !problems.length && this.node.comfyClass !== SELECTOR_NODE) this.element.append(el("p", { class: "orc-hint" }, t("lora_applied")));
    if (others.length) this.element.append(othersElement(others, () => this.fit()));
    this.fit();
  }

  fit() {
    this.height = Math.max(LOWEST, Math.min(naturalHeight(this.element), HIGHEST));
    this.element.style.minHeight = `${this.height}px`;
    growToFit(this.node);
  }
}

function usedElement(lora) {
  const strength = new Intl.NumberFormat(setting("Comfy.Locale"), { maximumFractionDigits: 2 }).format(lora.strength);
  return el(
    "div",
    { class: "orl-used" },
    pictureOf(lora, "small"),
    el("div", {}, el("b", { title: lora.name, dir: "auto" }, lora.title), el("p", {}, lora.why)),
    el("div", { class: "orl-how" }, el("span", { class: "orl-strength" }, strength), baseBadge(lora)),
  );
}

function othersElement(loras, onToggle) {
  const rows = loras.map((lora) =>
    el("li", { class: `orl-${lora.state}`, title: lora.because }, el("b", {}, lora.title), " ", lora.why),
  );
  return el("details", { ontoggle: onToggle }, el("summary", {}, t("lora_others", { count: loras.length })), el("ul", {}, ...rows));
}

/** What a run found, for the node of an execution id. */
function showLoras(id, output) {
  const node = findNode(id);
  const told = output?.orchestrator_loras;
  if (!node || !told) return;
  views.get(node)?.show(told);
  const loaded = told.at(-1)?.loaded;
  if (loaded) node.properties.orchestrator_loaded = loaded; // for who shares the workflow as a template
}

app.registerExtension({
  name: "Orchestrator.LoRANodes",

  setup() {
    api.addEventListener("executed", ({ detail }) => showLoras(detail.display_node ?? detail.node, detail.output));
  },

  nodeCreated(node) {
    if (NODES.includes(node.comfyClass) && !views.has(node)) views.set(node, new LoraView(node));
  },

  onNodeOutputsUpdated(outputs) {
    for (const [id, output] of Object.entries(outputs)) showLoras(id, output);
  },
});
