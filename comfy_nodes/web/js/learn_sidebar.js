// The Learned odds tab of ComfyUI's sidebar: how likely each value is drawn by now, why, and all that a person can say
// to that: on and off, pin, reset, undo.

import { addSidebarTab, api, app, ask, loadTexts, setting, t } from "./host.js";
import { confirm } from "./dialog.js";
import { LEARNING, MODES, TAB, change, openOdds, showMode } from "./learn_page.js";
import { filesElement, timeElement } from "./learn_time.js";
import { el } from "./words.js";

const WAIT = 300; // ms after news
const VALUES = 12; // of a slot that are shown at once

class Panel {
  constructor(mode) {
    Object.assign(this, { mode, asked: 0, open: new Set(), all: new Set(), time: null, timeOpen: false });
    this.problem = el("p", { class: "ors-problem", role: "alert", hidden: true });
    this.head = el("header", {});
    this.body = el("div", { class: "ors-body", tabindex: "-1" });
    this.element = el("div", { class: "ors-panel orq-panel" }, this.problem, this.head, this.body);
    this.element.addEventListener("keydown", (event) => event.stopPropagation()); // ComfyUI has keys of its own
  }

  mount(place) {
    place.style.height = "100%";
    place.append(this.element);
    this.isOpen = true;
    this.load();
  }

  unmount() {
    this.isOpen = false;
    this.element.remove();
  }

  async load() {
    const asked = ++this.asked;
    try {
      const [found, time] = await Promise.all([ask("learning"), this.timeOpen ? ask("learning/time") : this.time]);
      this.time = time;
      if (asked === this.asked) this.show(found);
    } catch (error) {
      if (asked === this.asked) this.tell(error.message);
    }
  }

  tell(problem) {
    this.problem.textContent = problem;
    this.problem.hidden = !problem;
  }

  async send(path, body) {
    ++this.asked; // an answer that is still on its way is older than this
    const found = await change(path, body);
    if (found) this.show(found);
  }

  show(found) {
    this.tell("");
    this.mode = found.mode; // first, or the setting would be taken for a person's wish
    showMode(found.mode);
    const focused = this.element.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
    this.head.replaceChildren(...this.headElements(found));
    this.found = found;
    const top = this.body.scrollTop;
    this.body.replaceChildren(...found.problems.map((problem) => el("p", { class: "orc-problem" }, problem)), ...this.bodyElements(found));
    this.body.scrollTop = top;
    if (focused) [...this.element.querySelectorAll("[aria-label]")].find((one) => one.getAttribute("aria-label") === focused)?.focus({ preventScroll: true });
  }

  headElements({ mode, history }) {
    const choice = MODES.map((one) =>
      el("button", { type: "button", class: one === mode ? "ors-main" : "", "aria-pressed": String(one === mode), "data-mode": one, title: t(`learn_mode_${one}`), onclick: () => this.send("set", { mode: one }) }, t(`learn_name_${one}`)),
    );
    const last = history[0];
    return [
      el("div", { class: "orq-modes", role: "group", "aria-label": t("learn_title") }, ...choice),
      icon("pi-undo", t("learn_undo"), () => this.send("undo", { to: last.number - 1 }), !last),
      icon("pi-sync", t("learn_refresh"), () => this.load()),
    ];
  }

  bodyElements({ slots, history, mode, counts }) {
    const told = el("p", { class: "ors-soft" }, t("learn_counts", counts), " ", mode === "off" ? t("learn_isOff") : "");
    const files = filesElement((found) => this.show(found));
    if (!slots.length) return [el("p", { class: "ors-empty" }, t("learn_empty")), this.historyElement(history), files];
    const time = timeElement(this.time, this.timeOpen, (isOpen) => this.openTime(isOpen));
    return [told, ...slots.map((slot) => this.slotElement(slot)), time, this.historyElement(history), files];
  }

  slotElement(slot) {
    const prefers = slot.direction === "prefer";
    const summary = el("summary", {}, el("b", { dir: "auto" }, slot.name), el("small", {}, slot.moves ? t("learn_moves") : t("learn_rests")));
    const shown = this.all.has(slot.slot) ? slot.values : slot.values.slice(0, VALUES);
    const more = slot.values.length > shown.length && el("button", { type: "button", onclick: () => this.showAll(slot) }, t("learn_more", { count: slot.values.length - shown.length }));
    const element = el(
      "details",
      { class: "orq-slot", "data-slot": slot.slot, ontoggle: () => (element.open ? this.open.add(slot.slot) : this.open.delete(slot.slot)) },
      summary,
      slot.why && el("p", { class: "ors-soft" }, slot.why),
      el(
        "p",
        { class: "orq-slotActions" },
        el("button", { type: "button", "aria-pressed": String(prefers), title: t("learn_preferHint"), onclick: () => this.send("set", { slot: slot.slot, direction: prefers ? "report" : "prefer" }) }, prefers ? t("learn_prefers") : t("learn_reports")),
        el("button", { type: "button", "aria-pressed": String(slot.on), onclick: () => this.send("set", { slot: slot.slot, on: !slot.on }) }, slot.on ? t("learn_slotOn") : t("learn_slotOff")),
        icon("pi-trash", t("learn_reset", { name: slot.name }), () => this.reset(slot)),
      ),
      ...shown.map((value) => this.valueElement(value)),
      more,
    );
    element.open = this.open.has(slot.slot);
    return element;
  }

  /** What is slow to find is asked for where somebody looks at it. */
  async openTime(isOpen) {
    if (isOpen === this.timeOpen) return;
    this.timeOpen = isOpen;
    if (!isOpen) return;
    this.time = await ask("learning/time").catch((error) => this.tell(error.message));
    if (this.time) this.show(this.found);
  }

  showAll(slot) {
    this.all.add(slot.slot);
    this.load();
  }

  valueElement({ key, text, multiplier, why, off, pinned }) {
    const factor = off ? t("learn_valueOff") : `${multiplier < 10 ? multiplier.toFixed(1) : Math.round(multiplier)}×`;
    const isPinned = pinned != null;
    const pin = isPinned ? null : multiplier;
    return el(
      "div",
      { class: `orq-value ${off ? "off" : ""}`, title: why, "data-key": key },
      el("span", { dir: "auto" }, text),
      el("i", { class: "orq-odds", style: `--at: ${off ? 0 : Math.max(0, Math.min(1, (Math.log2(multiplier || 0.01) + 4) / 8))}` }),
      el("small", {}, factor),
      icon(isPinned ? "pi-lock" : "pi-lock-open", isPinned ? t("learn_unpin", { text }) : t("learn_pin", { text }), () => this.send("set", { key, pin })),
      icon(off ? "pi-eye-slash" : "pi-eye", off ? t("learn_valueIn", { text }) : t("learn_valueOut", { text }), () => this.send("set", { key, off: !off })),
    );
  }

  async reset(slot) {
    const body = [el("p", {}, t("learn_resetAsk", { name: slot.name }))];
    if (await confirm({ title: t("learn_reset", { name: slot.name }), body, yes: t("learn_resetYes") })) this.send("reset", { slot: slot.slot });
  }

  historyElement(history) {
    const line = ({ number, at_ms: at, words }) => {
      const time = new Date(at).toLocaleString(setting("Comfy.Locale"), { dateStyle: "short", timeStyle: "short" });
      return el("li", { title: time }, el("span", { dir: "auto" }, words), icon("pi-history", t("learn_backTo", { number }), () => this.send("undo", { to: number - 1 })));
    };
    return history.length > 0 && el("details", { class: "ors-log" }, el("summary", {}, t("learn_history")), el("ul", { class: "orq-history" }, ...history.map(line)));
  }

  /** Something was learned, or said, here or in another window. */
  news() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.isOpen && this.load(), WAIT);
  }
}

function icon(name, title, onclick, disabled = false) {
  return el("button", { type: "button", class: "ors-icon", title, "aria-label": title, onclick, disabled }, el("i", { class: `pi ${name}` }));
}

let panel = null;

app.registerExtension({
  name: "Orchestrator.Learning",
  settings: [
    {
      id: "Orchestrator.Learning",
      category: ["Orchestrator", "Learning", "Learning"],
      sortOrder: 10,
      name: "Learn from scores and marks",
      type: "combo",
      options: [
        { text: "Off", value: "off" },
        { text: "Careful", value: "careful" },
        { text: "Fast", value: "fast" },
      ],
      defaultValue: "off",
      onChange: (mode, before) => before !== undefined && panel && mode !== panel.mode && panel.send("set", { mode }),
    },
  ],
  commands: [
    { id: "Orchestrator.ShowOdds", label: "Show the learned odds", icon: "pi pi-chart-bar", function: () => openOdds() },
  ],
  menuCommands: [{ path: ["Extensions", "Orchestrator"], commands: ["Orchestrator.ShowOdds"] }],

  async setup() {
    await loadTexts();
    const found = await ask("learning/mode").catch(() => null); // Forge, or another window, may have set it
    if (found) await app.extensionManager?.setting?.set(LEARNING, found.mode);
    panel = new Panel(found?.mode ?? "off");
    addSidebarTab({
      id: TAB,
      icon: "pi pi-chart-bar",
      title: t("learn_tab"),
      tooltip: t("learn_title"),
      panel,
    });
    api.addEventListener("orchestrator.learning", () => panel.news());
  },
});
