// A test of LoRAs as a workflow: a dialog says how many images it would be, and opens it in a new tab.

import { app, ask, t, toast } from "./host.js";
import { openInTab } from "./canvas_tab.js";
import { Dialog } from "./dialog.js";
import { el } from "./words.js";

const WAIT = 250; // ms after a key, before the images are counted
const LONGEST = 1_000_000; // characters of a graph, of up to three bytes each
const FIELDS = ["strengths", "seeds", "prompt", "negative"];

/**
 * Lets a person test these LoRAs. ``shown``: of how many they are the first, where a person chose none; ``before``: what
 * was in the fields the last time. What is in them when the workflow opens is returned, or null.
 */
export async function testLoras(loras, { shown = 0, before = {} } = {}) {
  try {
    const graph = await openGraph();
    const start = await ask("loras/test/start", { body: { graph } });
    return await new TestDialog(loras, { ...start, ...before }, shown, graph).open();
  } catch (error) {
    toast("error", t("failed"), error.message);
    return null;
  }
}

/** As it would be queued; null where that cannot be told, or is more than the server reads. */
async function openGraph() {
  const graph = await app.graphToPrompt().then(({ output }) => output, () => null);
  return JSON.stringify(graph).length < LONGEST ? graph : null;
}

class TestDialog {
  constructor(loras, start, shown, graph) {
    Object.assign(this, { loras: shown ? loras.slice(0, mostOf(start)) : loras, shown, graph, asked: 0 });
    this.fields = {
      strengths: el("input", { type: "text", spellcheck: "false", autocomplete: "off" }),
      seeds: el("input", { type: "text", spellcheck: "false", autocomplete: "off" }),
      prompt: el("textarea", { rows: 3, spellcheck: "false" }),
      negative: el("input", { type: "text", spellcheck: "false", autocomplete: "off" }),
    };
    for (const name of FIELDS) this.fields[name].value = start[name];
    this.chips = el("div", { class: "orl-tested" });
    this.count = el("p", { class: "orl-count", role: "status" });
    this.refused = el("ul", { class: "orl-refusals" });
    this.button = el("button", { type: "button", class: "orc-main", disabled: true, onclick: () => this.make() }, t("lora_testOpen"));
    this.dialog = new Dialog(t("lora_testTitle"), "orl-test", this.body(start.checkpoint), [this.button]);
    this.dialog.element.addEventListener("input", () => this.changed());
    this.dialog.element.addEventListener("keydown", (event) => event.key === "Enter" && event.ctrlKey && this.make());
  }

  body(checkpoint) {
    const row = (name, help) => el("label", {}, el("span", {}, t(`lora_test_${name}`)), this.fields[name], help && el("small", {}, help));
    return [
      this.chips,
      row("prompt", t("lora_testTrigger")),
      row("negative"),
      el("div", { class: "orl-pair" }, row("strengths"), row("seeds")),
      el("p", { class: checkpoint ? "orc-hint" : "orl-warning" }, checkpoint ? t("lora_testModel", { model: checkpoint }) : t("lora_testNoModel")),
      this.refused,
      this.count,
    ];
  }

  open() {
    this.show();
    this.recount();
    return this.dialog.open(this.fields.prompt);
  }

  show() {
    const chip = (lora) => el(
      "span",
      { dir: "auto", title: lora.name },
      lora.title,
      el("button", { type: "button", title: t("lora_testWithout"), "aria-label": `${t("lora_testWithout")}: ${lora.title}`, onclick: () => this.remove(lora) }, el("i", { class: "pi pi-times" })),
    );
    const first = this.loras.length < this.shown && el("small", {}, t("lora_testFirst", { count: this.loras.length, total: this.shown.toLocaleString() }));
    this.chips.replaceChildren(...[...this.loras.map(chip), first].filter(Boolean));
  }

  remove(lora) {
    this.loras = this.loras.filter((other) => other !== lora);
    this.shown = 0;
    this.show();
    this.changed();
  }

  changed() {
    this.button.disabled = true;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.recount(), WAIT);
  }

  values() {
    return Object.fromEntries(FIELDS.map((name) => [name, this.fields[name].value]));
  }

  ask(onlyCount) {
    const ids = this.loras.map(({ id }) => id);
    return ask("loras/test", { body: { ...this.values(), ids, graph: this.graph, only_count: onlyCount } });
  }

  async recount() {
    const asked = ++this.asked;
    const found = await this.ask(true).catch((error) => ({ error: error.message, refused: [] }));
    if (asked !== this.asked) return;
    const isTooMany = found.images > found.most;
    const counted = found.error ?? t("lora_testCount", { ...found, baselines: found.seeds });
    this.tell(isTooMany ? `${counted} ${t("lora_testTooMany", found)}` : counted, found.error || isTooMany);
    this.refused.replaceChildren(...found.refused.map(({ name, reason }) => el("li", {}, el("b", { dir: "auto" }, name), `: ${reason}`)));
  }

  tell(text, isProblem) {
    this.count.textContent = text;
    this.count.classList.toggle("orl-warning", Boolean(isProblem));
    this.button.disabled = Boolean(isProblem);
  }

  async make() {
    if (this.button.disabled) return;
    this.button.disabled = true;
    try {
      const { workflow, images } = await this.ask(false);
      const values = this.values();
      this.dialog.close(values);
      await openInTab(workflow, `LoRA test ${namesOf(this.loras)}`);
      toast("success", t("lora_testOpened", { images }), t("lora_testRun"));
    } catch (error) {
      this.tell(error.message, true);
    }
  }
}

/** How many LoRAs fit, as far as the texts tell; the server counts. */
function mostOf({ most, strengths, seeds }) {
  const count = (text) => Math.max(1, text.split(/[,;\s]+/).filter(Boolean).length);
  return Math.max(1, Math.floor((most / count(seeds) - 1) / count(strengths)));
}

function namesOf(loras) {
  const names = loras.slice(0, 2).map(({ name }) => name.replace(/^.*[\\/]/, ""));
  return (loras.length > 2 ? [...names, "…"] : names).join(", ").replace(/[^\p{L}\p{N} ,.…_-]+/gu, "_").slice(0, 60);
}
