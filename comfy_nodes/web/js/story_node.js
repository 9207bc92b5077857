// Story Memory: after a run, which scene it was, its words in the colours of what put them there, and how the story stands.

import { api, app, findNode, growToFit, naturalHeight, t, valueOf } from "./host.js";
import { STORY_NODE, actionText, openStory } from "./story_page.js";
import { el, legendElement, negativeElement, wordsElement } from "./words.js";

const views = new WeakMap();
const LOWEST = 60; // px
const HIGHEST = 340; // px, at most, that the node takes by itself
const WIDTH = 400;

class StoryView {
  constructor(node) {
    this.node = node;
    this.height = LOWEST;
    const button = el("button", { type: "button", class: "ors-open", onclick: () => openStory(String(valueOf(node, "story") ?? "")) }, el("i", { class: "pi pi-book" }), " ", t("story_open"));
    button.addEventListener("pointerdown", (event) => event.stopPropagation());
    this.title = el("span", { class: "orc-title" });
    this.body = el("div", { class: "ors-scene" }, el("p", { class: "orc-hint" }, t("story_hint")));
    this.element = el("div", { class: "orc-view" }, el("header", {}, this.title, button), this.body);
    this.element.addEventListener("wheel", (event) => this.scrolls() && event.stopPropagation(), { passive: true });
    const options = { serialize: false, hideOnZoom: false, getMinHeight: () => this.height + 12, getValue: () => "", setValue: () => {} };
    node.addDOMWidget("orchestrator_story", "orchestrator_view", this.element, options).serialize = false;
    if (node.size[0] < WIDTH) node.setSize([WIDTH, node.size[1]]);
  }

  scrolls() {
    return this.body.scrollHeight > this.body.clientHeight;
  }

  show(told) {
    const last = told.at(-1);
    this.title.textContent = last.story ? t("story_scene", { number: last.scene, story: last.story }) : t("story_none");
    this.body.replaceChildren(...told.flatMap((scene) => this.parts(scene)));
    this.height = Math.max(LOWEST, Math.min(naturalHeight(this.element), HIGHEST));
    this.element.style.minHeight = `${this.height}px`;
    growToFit(this.node);
  }

  parts(scene) {
    const { words, decisions, negative_words: below, negative_decisions: belows } = scene;
    const isOther = scene.action !== "continue" && scene.story;
    const parts = [
      ...scene.problems.map((problem) => el("p", { class: "orc-problem" }, problem)),
      isOther && el("p", { class: "ors-soft" }, actionText(scene.action)),
      words.length > 0 && el("p", {}, wordsElement(words, decisions)),
      below.length > 0 && negativeElement(below, belows),
      words.length > 0 && legendElement([...words, ...below]),
      scene.changes.length > 0 && changesElement(scene.changes),
      scene.lore.length > 0 && el("p", { class: "ors-soft" }, t("story_lore", { titles: scene.lore.join(", ") })),
      scene.state.length > 0 && this.stateElement(scene.state),
    ];
    return parts.filter(Boolean);
  }

  stateElement(lines) {
    const fit = () => growToFit(this.node);
    return el("details", { ontoggle: fit }, el("summary", {}, t("story_state")), ...lines.map((line) => el("p", { dir: "auto" }, line)));
  }
}

/** What is new with a scene, each by whom. */
export function changesElement(changes) {
  const line = ({ text, source, status = "" }) => el("li", { class: `ors-by-${source} ${status}`, title: sourceText(source), dir: "auto" }, text);
  return el("ul", { class: "ors-changes" }, ...changes.map(line));
}

function sourceText(source) {
  return { person: t("story_byPerson"), llm: t("story_byModel"), code: t("story_byCode") }[source] ?? source;
}

/** What a run told, for the node of an execution id. */
function showScenes(id, output) {
  const told = output?.orchestrator_story;
  const node = told?.length ? findNode(id) : null;
  if (!node) return;
  views.get(node)?.show(told);
  const texts = told.at(-1).told;
  if (texts) node.properties.orchestrator_told = texts; // for who shares the workflow as a template
}

app.registerExtension({
  name: "Orchestrator.StoryNode",

  setup() {
    api.addEventListener("executed", ({ detail }) => showScenes(detail.display_node ?? detail.node, detail.output));
  },

  nodeCreated(node) {
    if (node.comfyClass === STORY_NODE && !views.has(node)) views.set(node, new StoryView(node));
  },

  onNodeOutputsUpdated(outputs) {
    for (const [id, output] of Object.entries(outputs)) showScenes(id, output);
  },
});
