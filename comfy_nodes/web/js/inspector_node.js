// The Prompt Inspector: after a run, the words in colours, what was drawn from where, and how many tokens that makes.

import { INSPECTOR_NODE, findNode, growToFit, naturalHeight, t } from "./host.js";
import { decisionsElement, el, legendElement, negativeElement, wordsElement } from "./words.js";

const views = new WeakMap();
const LOWEST = 90; // px
const FIRST_HEIGHT = 320; // px, at most, that the node takes by itself
const FIRST_WIDTH = 420;
const ENCODERS = { l: "CLIP-L", g: "CLIP-G", h: "CLIP-H", t5xxl: "T5-XXL" }; // ComfyUI's names, as people know them

export function dressInspectorNode(node) {
  if (node.comfyClass !== INSPECTOR_NODE || views.has(node)) return;
  views.set(node, new InspectorView(node));
}

/** What a run found, for the node of an execution id. */
export function showInspected(id, output) {
  const node = findNode(id);
  if (node && output?.orchestrator_words) views.get(node)?.show(output);
}

class InspectorView {
  constructor(node) {
    this.node = node;
    this.height = LOWEST;
    this.element = el("div", { class: "orc-view orc-inspector" }, el("p", { class: "orc-hint" }, t("inspectorHint")));
    this.element.addEventListener("wheel", (event) => this.scrolls() && event.stopPropagation(), { passive: true });
    const options = {
      serialize: false,
      hideOnZoom: false,
      getMinHeight: () => this.height + 20,
      getValue: () => "",
      setValue: () => {},
    };
    this.widget = node.addDOMWidget("orchestrator_inspector", "orchestrator_view", this.element, options);
    this.widget.serialize = false;
    if (node.size[0] < FIRST_WIDTH) node.setSize([FIRST_WIDTH, node.size[1]]);
  }

  scrolls() {
    return this.element.scrollHeight > this.element.clientHeight;
  }

  show(output) {
    const {
      orchestrator_words: words,
      orchestrator_negative_words: below = [],
      orchestrator_tokens: tokens = [],
    } = output;
    const { orchestrator_decisions: decisions = [], orchestrator_negative_decisions: belows = [] } = output;
    this.element.replaceChildren(el("p", {}, words.length ? wordsElement(words, decisions) : t("empty")));
    if (below.length) this.element.append(negativeElement(below, belows));
    this.element.append(legendElement([...words, ...below]));
    if (tokens.length) this.element.append(tokensElement(tokens));
    const drawn = [...decisions, ...belows];
    if (drawn.length) this.element.append(decisionsElement(drawn));
    this.height = Math.max(LOWEST, Math.min(naturalHeight(this.element), FIRST_HEIGHT));
    this.element.style.minHeight = `${this.height}px`;
    growToFit(this.node);
  }
}

function tokensElement(tokens) {
  const parts = tokens.map(({ encoder, tokens: count, chunks, length }) => {
    const values = { encoder: ENCODERS[encoder] ?? encoder, count, chunks, length };
    return el("span", { "data-tip": t("tokensTip", values) }, t("tokens", values));
  });
  return el("p", { class: "orc-tokens" }, ...parts);
}
