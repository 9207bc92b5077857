// LLM Enhance and LLM Model: the text while it is written, what came of it and who wrote it; and a list of models.

import { api, app, ask, findNode, growToFit, naturalHeight, setValue, t, toast } from "./host.js";
import { choose } from "./dialog.js";
import { el, legendElement, wordsElement } from "./words.js";

const ENHANCE_NODE = "OrchestratorLLMEnhance";
const MODEL_NODE = "OrchestratorLLMModel";
const views = new WeakMap();
const asking = new Set(); // views whose node runs
const LOWEST = 60; // px
const HIGHEST = 320; // px, at most, that the node takes by itself
const WIDTH = 400;

function addStyles() {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL("../css/llm.css", import.meta.url).href;
  document.head.append(link);
}

/** An element of ours below the widgets of a node; ``height()``: what it wants, in px. */
function addView(node, name, element, height) {
  const options = { serialize: false, hideOnZoom: false, getMinHeight: height, getValue: () => "", setValue: () => {} };
  node.addDOMWidget(name, "orchestrator_view", element, options).serialize = false;
  if (node.size[0] < WIDTH) node.setSize([WIDTH, node.size[1]]);
}

class EnhanceView {
  constructor(node) {
    this.node = node;
    this.height = LOWEST;
    this.element = el("div", { class: "orc-view ore-view", "data-state": "empty" }, el("p", { class: "orc-hint" }, t("enhance_hint")));
    this.element.addEventListener("wheel", (event) => this.scrolls() && event.stopPropagation(), { passive: true });
    addView(node, "orchestrator_enhanced", this.element, () => this.height + 12);
  }

  scrolls() {
    return this.element.scrollHeight > this.element.clientHeight;
  }

  put(state, ...children) {
    this.element.dataset.state = state;
    this.element.replaceChildren(...children);
    this.height = Math.max(LOWEST, Math.min(naturalHeight(this.element), HIGHEST));
    this.element.style.minHeight = `${this.height}px`;
    growToFit(this.node);
  }

  /** The node runs; ``text`` is what has come so far. */
  ask(text = "") {
    asking.add(this);
    this.before ??= { state: this.element.dataset.state, children: [...this.element.childNodes] };
    this.put("asking", headElement(badge("asking", t("enhance_asking"))), text && el("p", { class: "ore-arriving", dir: "auto" }, text));
    this.element.scrollTop = this.element.scrollHeight;
  }

  /** The node ran to no end, or its result of before is taken: what was there is shown again. */
  rest() {
    asking.delete(this);
    const before = this.before;
    this.before = null;
    if (before && this.element.dataset.state === "asking") this.put(before.state, ...before.children);
  }

  show(told) {
    asking.delete(this);
    this.before = null;
    this.put(told.at(-1).status, ...told.flatMap((one) => this.parts(one)));
  }

  parts({ status, detail, model, natural, words, decisions }) {
    const isNew = status === "enhanced" || status === "cached";
    const count = words.filter(({ kind }) => kind === "llm").length;
    const by = isNew && model && el("span", { class: "ore-by", title: model }, t("enhance_by", { model: named(model) }));
    const parts = [
      headElement(badge(status, t(`enhance_status_${status}`)), by),
      detail && el("p", { class: status === "kept" ? "orc-problem" : "orc-hint", dir: "auto" }, detail),
      words.length > 0 && el("p", {}, wordsElement(words, decisions)),
      isNew && count > 0 && legendElement(words),
      natural && this.naturalElement(natural),
    ];
    return parts.filter(Boolean);
  }

  naturalElement(natural) {
    const fit = () => this.put(this.element.dataset.state, ...this.element.childNodes);
    return el("details", { ontoggle: fit }, el("summary", {}, t("enhance_natural")), el("p", { dir: "auto" }, natural));
  }
}

function headElement(...parts) {
  return el("header", {}, ...parts);
}

function badge(status, text) {
  return el("b", { class: `ore-badge ${status}` }, text);
}

/** "rules:1" and "transformers:SmolLM2 0a1b…" as people know them. */
function named(identity) {
  const [backend, ...rest] = identity.split(":");
  if (backend === "rules") return t("enhance_rules");
  const name = rest.join(":") || backend;
  return backend === "transformers" ? name.replace(/ [0-9a-f]{16}$/, "") : name;
}

function viewOf(id) {
  const node = id == null ? null : findNode(id);
  return node ? views.get(node) : undefined;
}

function executing({ detail }) {
  const id = detail && typeof detail === "object" ? (detail.display_node ?? detail.node) : detail;
  const now = viewOf(id);
  for (const view of asking) if (view !== now) view.rest();
  if (now && !asking.has(now)) now.ask();
}

function showEnhanced(id, output) {
  const told = output?.orchestrator_enhanced;
  const view = told?.length ? viewOf(id) : null;
  if (!view) return;
  view.show(told);
  view.node.properties.orchestrator_told = told.at(-1).noted; // for who shares the workflow as a template
}

// LLM Model

function dressModelNode(node) {
  const button = el("button", { type: "button", onclick: () => chooseModel(node) }, t("llm_choose"));
  addView(node, "orchestrator_llm", el("div", { class: "orc-view ore-choose" }, button), () => 40);
}

async function chooseModel(node) {
  const found = ask("llm/models").then(itemsOf);
  const item = await choose({
    title: t("llm_title"),
    placeholder: t("llm_search"),
    empty: t("llm_none"),
    list: async (search) => matching(await found, search),
  });
  if (!item) return;
  for (const [name, value] of Object.entries(item.values)) setValue(node, name, value);
  toast("success", t("llm_chosen", { model: item.label }), item.detail);
}

function itemsOf({ servers, folders }) {
  const models = servers.flatMap(({ url, widget, models }) =>
    models.map((model) => ({ label: model, detail: url, values: { backend: "openai", model, url: widget } })),
  );
  const own = folders.map((folder) => ({ label: folder, detail: t("llm_here"), values: { backend: "transformers", folder } }));
  const problems = servers.filter(({ problem }) => problem).map(({ problem }) => problem);
  return { items: [...models, ...own], note: problems.join(" ") };
}

function matching({ items, note }, search) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = ({ label, detail }) => words.every((word) => `${label} ${detail}`.toLowerCase().includes(word));
  return { items: items.filter(fits), note };
}

app.registerExtension({
  name: "Orchestrator.LanguageModels",
  settings: [
    {
      id: "Orchestrator.LlmUrl",
      category: ["Orchestrator", "Language model", "LlmUrl"],
      sortOrder: 30,
      name: "The server's address",
      type: "text",
      defaultValue: "",
    },
    {
      id: "Orchestrator.LlmHosts",
      category: ["Orchestrator", "Language model", "LlmHosts"],
      sortOrder: 20,
      name: "Hosts elsewhere that prompts may be sent to",
      type: "text",
      defaultValue: "",
    },
    {
      id: "Orchestrator.LlmKey",
      category: ["Orchestrator", "Language model", "LlmKey"],
      sortOrder: 10,
      name: "The server's key",
      type: "text",
      attrs: { type: "password", autocomplete: "off" },
      defaultValue: "",
    },
  ],

  setup() {
    addStyles();
    api.addEventListener("executing", executing);
    api.addEventListener("orchestrator.enhancing", ({ detail }) => viewOf(detail.node)?.ask(detail.text));
    api.addEventListener("executed", ({ detail }) => showEnhanced(detail.display_node ?? detail.node, detail.output));
    for (const name of ["execution_error", "execution_interrupted", "execution_success"])
      api.addEventListener(name, () => [...asking].forEach((view) => view.rest()));
  },

  nodeCreated(node) {
    if (views.has(node)) return;
    if (node.comfyClass === ENHANCE_NODE) views.set(node, new EnhanceView(node));
    if (node.comfyClass === MODEL_NODE) dressModelNode(node);
  },

  onNodeOutputsUpdated(outputs) {
    for (const [id, output] of Object.entries(outputs)) showEnhanced(id, output);
  },
});
