// The Wildcard Prompt node: below its widgets, the drawn words in colours, and buttons for what can be done with them.

import {
  PROMPT_NODE,
  TEMPLATES,
  ask,
  findNode,
  growToFit,
  isFixed,
  isLinked,
  isPromptNode,
  naturalHeight,
  onChange,
  setReadOnly,
  setting,
  t,
  templateOf,
  textBoxOf,
  valueOf,
  widgetOf,
} from "./host.js";
import { toUnits } from "./autocomplete.js";
import { profilesOf } from "./profile_names.js";
import { diagnosticsElement, el, legendElement, negativeElement, wordsElement } from "./words.js";

const WAIT = 250; // ms after a change, before the next prompt is drawn for the preview
const REST = 2000; // ms without a key, after which what is unclosed is not being typed any more
const [LOWEST, HIGHEST] = [58, 190]; // px of the view; what is longer scrolls
const MARGIN = 10; // px that the canvas leaves around a DOM widget
const FIRST_SIZE = [440, 740]; // px of a new node: room for a few lines in each text box
const DRAWN_BY = ["template", "negative_template", "dialect", "method", "seed", "index", "missing", "rerolls", "profiles", "genre"];
const POPULATED = ["populated_text", "populated_negative"];
const ICONS = {
  insert: "M8 3v10M3 8h10",
  reroll: "M13 4v3h-3M3 12V9h3M12.4 7A5 5 0 0 0 4 5.2M3.6 9A5 5 0 0 0 12 10.8",
  fix: "M5 7V5a3 3 0 0 1 6 0v2M4 7h8v6H4z",
  unfix: "M5 7V5a3 3 0 0 1 5.8-1M4 7h8v6H4z",
  copy: "M6 6h7v7H6zM10 6V3H3v7h3",
};

const views = new WeakMap();

export function viewOf(node) {
  return views.get(node);
}

/** ``actions``: what each button does, by the names of ICONS. */
export function dressPromptNode(node, actions) {
  if (!isPromptNode(node) || views.has(node)) return;
  const view = new PromptView(node, actions);
  views.set(node, view);
  for (const name of DRAWN_BY) {
    const widget = widgetOf(node, name);
    // After a run ComfyUI changes the seed: what is shown then is still what that run has drawn.
    if (widget) onChange(widget, (byPerson) => (byPerson || name !== "seed") && view.drawSoon());
  }
  for (const name of POPULATED) {
    const widget = widgetOf(node, name);
    if (widget) onChange(widget, () => view.isFixed && view.drawSoon());
  }
  const mode = widgetOf(node, "mode");
  if (mode) onChange(mode, () => view.modeChanged());
  const connected = node.onConnectionsChange;
  node.onConnectionsChange = function (...passed) {
    const result = connected?.apply(this, passed);
    view.drawSoon();
    return result;
  };
  const configured = node.onConfigure;
  node.onConfigure = function (...passed) {
    const result = configured?.apply(this, passed);
    view.loaded();
    return result;
  };
  if (node.size[0] < FIRST_SIZE[0]) node.setSize([FIRST_SIZE[0], Math.max(FIRST_SIZE[1], node.size[1])]);
  view.loaded();
}

/** What the server drew for a prompt that is being queued, or while it ran. */
export function showPopulated(id, drawn) {
  const node = findNode(id);
  if (node?.comfyClass !== PROMPT_NODE || !drawn) return;
  for (const [name, text] of [
    ["populated_text", drawn.positive],
    ["populated_negative", drawn.negative],
  ]) {
    const widget = widgetOf(node, name);
    if (widget && typeof text === "string") widget.value = text;
  }
  viewOf(node)?.showRun(drawn);
}

/** What the widgets say, as the server wants it. */
export function optionsOf(node) {
  const index = Number(valueOf(node, "index") ?? -1);
  return {
    template: String(valueOf(node, "template") ?? ""),
    negative_template: String(valueOf(node, "negative_template") ?? ""),
    dialect: valueOf(node, "dialect") ?? "dynamicprompts",
    method: valueOf(node, "method") ?? "random",
    seed: Number(valueOf(node, "seed") ?? 0),
    index: index < 0 ? null : index,
    missing: valueOf(node, "missing") ?? "keep",
    rerolls: String(valueOf(node, "rerolls") ?? ""), // the server says what it cannot read
    profiles: profilesOf(node) ?? "",
    genre: String(valueOf(node, "genre") ?? ""),
  };
}

/** ``"a1:2 b7:1"`` → ``{a1: 2, b7: 1}``; what is not of that shape is left out. */
export function readRerolls(text) {
  const pairs = String(text ?? "")
    .split(/\s+/)
    .map((pair) => /^(\w+):(\d{1,9})$/.exec(pair))
    .filter(Boolean);
  return Object.fromEntries(pairs.map(([, slot, times]) => [slot, Number(times)]));
}

export function writeRerolls(rerolls) {
  return Object.entries(rerolls)
    .filter(([, times]) => times > 0)
    .map(([slot, times]) => `${slot}:${times}`)
    .join(" ");
}

class PromptView {
  constructor(node, actions) {
    Object.assign(this, { node, actions, drawn: null, lastRun: null, height: LOWEST });
    this.title = el("span", { class: "orc-title" });
    this.title.dataset.tip = "";
    this.buttons = el("span", { class: "orc-buttons" });
    this.body = el("div", { class: "orc-body" });
    this.element = el("div", { class: "orc-view" }, el("header", {}, this.title, this.buttons), this.body);
    this.element.addEventListener("wheel", (event) => this.scrolls() && event.stopPropagation(), { passive: true });
    this.addWidget();
    this.drawButtons();
  }

  addWidget() {
    const height = () => this.height + 2 * MARGIN;
    const options = {
      serialize: false,
      hideOnZoom: false,
      getMinHeight: height,
      getMaxHeight: height,
      getValue: () => "",
      setValue: () => {},
    };
    this.widget = this.node.addDOMWidget("orchestrator_view", "orchestrator_view", this.element, options);
    this.widget.serialize = false;
  }

  get isFixed() {
    return isFixed(this.node);
  }

  get linked() {
    return DRAWN_BY.filter((name) => isLinked(this.node, name) && !(name === "profiles" && profilesOf(this.node) !== null));
  }

  scrolls() {
    return this.body.scrollHeight > this.body.clientHeight;
  }

  // buttons

  drawButtons() {
    const names = ["insert", "reroll", this.isFixed ? "unfix" : "fix", "copy"];
    this.buttons.replaceChildren(...names.map((name) => this.button(name)));
  }

  button(name) {
    const button = el("button", {
      type: "button",
      "aria-label": t(`button_${name}`),
      "data-tip": t(`button_${name}`),
      "data-action": name,
    });
    button.innerHTML = `<svg viewBox="0 0 16 16" aria-hidden="true"><path d="${ICONS[name]}"/></svg>`; // constant
    button.addEventListener("pointerdown", (event) => event.stopPropagation());
    button.addEventListener("click", () => this.actions[name.replace("un", "")](this.node));
    return button;
  }

  // what is shown

  showRun(drawn) {
    this.lastRun = drawn;
    this.show(drawn, "drawn");
  }

  /** ``when``: "drawn" for the last run, "next" for what the next one will draw. */
  show(drawn, when) {
    this.asking?.abort(); // an answer that is still on its way is older than this
    Object.assign(this, { drawn, when });
    this.tell((found) => !this.isBeingTyped(found));
  }

  /** Puts the prompt into the view, with the diagnostics that are ``wanted`` already; the others follow. */
  tell(wanted = () => true) {
    const { drawn, when } = this;
    this.resting?.abort();
    this.title.replaceChildren(t(this.isFixed ? "titleFixed" : `title_${when}`, { seed: drawn.seed }));
    this.title.dataset.tip = t("legend");
    this.title.orcTip = () => legendElement([...drawn.words, ...(drawn.negative_words ?? [])]);
    const canDraw = !this.isFixed && !this.linked.length && valueOf(this.node, "method") === "random";
    const onSlot = !canDraw ? null : (slot) => this.actions.rerollSlot(this.node, slot);
    const words = wordsElement(drawn.words, drawn.decisions ?? [], onSlot);
    const parts = [drawn.words.length ? words : el("em", {}, t("empty"))];
    if (drawn.negative_words?.length)
      parts.push(negativeElement(drawn.negative_words, drawn.negative_decisions ?? [], onSlot));
    const all = drawn.diagnostics ?? [];
    const odd = all.filter(wanted);
    if (odd.length < all.length) this.tellAtRest(document.activeElement);
    if (odd.length) parts.push(diagnosticsElement(odd, (found) => this.select(found)));
    this.body.replaceChildren(...parts);
    this.fit();
  }

  /** Tells all as soon as no key has come for a while, or ``box`` is left. */
  tellAtRest(box) {
    this.resting = new AbortController();
    const { signal } = this.resting;
    const timer = setTimeout(() => this.tell(), REST);
    signal.addEventListener("abort", () => clearTimeout(timer));
    box.addEventListener("blur", () => this.tell(), { signal });
  }

  say(text, kind = "hint") {
    this.resting?.abort();
    this.drawn = null;
    this.title.replaceChildren(t(this.isFixed ? "titleFixed" : "titlePlain", {}));
    delete this.title.dataset.tip;
    this.body.replaceChildren(el("p", { class: `orc-${kind}` }, text));
    this.fit();
  }

  fit() {
    const before = this.height;
    this.height = Math.max(LOWEST, Math.min(naturalHeight(this.element) || before, HIGHEST));
    this.element.style.minHeight = `${this.height}px`; // Nodes 2.0 goes by this one
    if (this.height > before) growToFit(this.node);
  }

  /** Whether what a diagnostic misses may be what comes next: ``a __col`` while somebody types there. */
  isBeingTyped({ kind, where, start }) {
    const box = document.activeElement;
    const template = kind.startsWith("unclosed-") ? templateOf(box) : null;
    if (template?.node !== this.node || TEMPLATES[template.name] !== where) return false;
    const from = toUnits(box.value, start);
    return from < box.selectionStart && !box.value.slice(from, box.selectionStart).includes("\n");
  }

  /** Selects the place in the template that a diagnostic is about. */
  select({ where, start, end }) {
    const name = Object.keys(TEMPLATES).find((key) => TEMPLATES[key] === where);
    const box = name && textBoxOf(this.node, name);
    if (!box) return;
    box.focus();
    box.setSelectionRange(toUnits(box.value, start), toUnits(box.value, end));
  }

  // when it is shown

  loaded() {
    this.modeChanged();
  }

  modeChanged() {
    for (const name of Object.keys(TEMPLATES)) setReadOnly(this.node, name, false);
    for (const name of POPULATED) setReadOnly(this.node, name, !this.isFixed);
    this.drawButtons();
    this.drawSoon(0);
  }

  drawSoon(wait = WAIT) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.drawNext(), wait);
  }

  /** Whether a draw gave what the populated texts are. */
  isPopulated(drawn) {
    const [positive, negative] = POPULATED.map((name) => valueOf(this.node, name));
    return drawn?.positive === positive && drawn?.negative === negative;
  }

  /** Whether a draw gave what the last run drew; a workflow that was opened has had none yet. */
  isLastRun(drawn) {
    return ["positive", "negative", "seed"].every((name) => drawn[name] === this.lastRun?.[name]);
  }

  /** Draws what the next run will draw, for the eye only. */
  async drawNext() {
    if (this.isFixed && this.isPopulated(this.drawn)) return this.show(this.drawn, this.when);
    if (!this.node.graph || setting("Orchestrator.Preview") === false) return this.say(t("previewOff"));
    if (this.linked.length)
      return this.say(this.isFixed ? t("fixedHint") : t("linkedHint", { names: this.linked.join(", ") }));
    const options = optionsOf(this.node);
    if (!options.template.trim() && !options.negative_template.trim()) return this.say(t("startHint"));
    this.asking?.abort();
    this.asking = new AbortController();
    try {
      const [drawn] = (await ask("draw", { body: options, signal: this.asking.signal })).prompts;
      if (this.isFixed && !this.isPopulated(drawn)) return this.say(t("fixedHint"));
      this.show(drawn, this.isLastRun(drawn) ? "drawn" : "next");
    } catch (error) {
      if (error.name !== "AbortError") this.say(error.message, "problem");
    }
  }
}
