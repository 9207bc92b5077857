// Pipelines and the canvas: one opens as a workflow, a workflow is saved as one, and goes into the queue as jobs.

import { app, ask, t, toast } from "./host.js";
import { Dialog, choose, confirm } from "./dialog.js";
import { openInTab } from "./canvas_tab.js";
import { save } from "./sharing.js";
import { el } from "./words.js";

const MOST = 10000; // times at once
const TARGETS = ["comfyui", "forge", ""];
const LONGEST = 1 << 20; // bytes of a pipeline's file

app.registerExtension({
  name: "Orchestrator.Pipelines",
  commands: [
    {
      id: "Orchestrator.ExportPipeline",
      label: "Open a pipeline as a workflow",
      icon: "pi pi-sitemap",
      function: () => tell(openPipeline()),
    },
    {
      id: "Orchestrator.SavePipeline",
      label: "Save this workflow as a pipeline",
      icon: "pi pi-save",
      function: () => tell(savePipeline()),
    },
  ],
  menuCommands: [
    {
      path: ["Extensions", "Orchestrator"],
      commands: ["Orchestrator.ExportPipeline", "Orchestrator.SavePipeline"],
    },
  ],
});

let added = () => {};

/** ``listener()`` is called after jobs were added here. */
export function onAdded(listener) {
  added = listener;
}

/** Says what went wrong, if something did. */
async function tell(work) {
  try {
    await work;
  } catch (error) {
    toast("error", t("failed"), error.message);
  }
}

// a pipeline as a workflow

async function openPipeline() {
  const chosen = await choose({ title: t("pipeline_open"), placeholder: t("pipeline_search"), list: listed, empty: t("pipeline_none") });
  if (!chosen) return;
  const body = chosen.isFile ? { pipeline: await readFile() } : { name: chosen.name };
  if (body.pipeline === null) return;
  const { workflow, told, name } = await ask("pipelines/export", { body });
  await openWorkflow(workflow, name);
  if (told.length) await show(t("pipeline_openTold"), told);
}

/** Puts it on the canvas, all of it to be seen. Throws where it is none. */
export async function openWorkflow(workflow, name) {
  if (!Array.isArray(workflow?.nodes)) throw new Error(t("pipeline_noWorkflow"));
  const title = name || t("pipeline_unnamed");
  await openInTab(workflow, title);
  toast("success", t("pipeline_opened", { name: title }));
}

async function listed(search) {
  const { pipelines } = await ask("pipelines");
  const words = search.toLowerCase();
  const items = pipelines
    .filter(({ name, description }) => `${name} ${description}`.toLowerCase().includes(words))
    .map((one) => ({ ...one, label: one.name, detail: one.is_own ? t("pipeline_own") : t("pipeline_bundled"), more: one.problem || one.description || one.stages.join(" → ") }));
  return { items: [...items, { isFile: true, label: t("pipeline_file"), more: t("pipeline_fileHint") }] };
}

/** What is in a file that a person chooses; null where none is chosen. */
function readFile() {
  return new Promise((resolve, reject) => {
    const input = el("input", { type: "file", accept: ".json,application/json" });
    input.addEventListener("cancel", () => resolve(null));
    input.addEventListener("change", async () => {
      const file = input.files[0];
      if (!file) return resolve(null);
      if (file.size > LONGEST) return reject(new Error(t("pipeline_tooLong", { name: file.name })));
      try {
        resolve(JSON.parse(await file.text()));
      } catch {
        reject(new Error(t("pipeline_noJson", { name: file.name })));
      }
    });
    input.click();
  });
}

/** Sentences that a person should read. */
function show(title, lines) {
  const button = el("button", { type: "button", class: "orc-main", onclick: () => dialog.close(true) }, t("pipeline_read"));
  const dialog = new Dialog(title, "orj-dialog", [linesElement(lines)], [button]);
  button.previousElementSibling.remove(); // there is nothing to cancel
  return dialog.open(button);
}

function linesElement(lines) {
  return lines.length > 0 && el("ul", { class: "orj-lines" }, ...lines.map((line) => el("li", { dir: "auto" }, line)));
}

// a workflow as a pipeline

/** What a person should know of it: its stages, what is not in it, and what is in it unseen. */
function toldElements({ stages, told, kept }) {
  return [
    el("p", { class: "orj-chain", dir: "auto" }, stages.join(" → ")),
    told.length > 0 && el("p", {}, t("pipeline_saveTold")),
    linesElement(told),
    kept.length > 0 && el("p", {}, t("pipeline_kept")),
    linesElement(kept),
  ];
}

async function ofCanvas() {
  const { workflow } = await app.graphToPrompt();
  if (!workflow.nodes.length) throw new Error(t("shareEmpty"));
  return { workflow, name: openName() };
}

function openName() {
  const path = app.extensionManager?.workflow?.activeWorkflow?.filename ?? "";
  return path.replace(/^.*[\\/]/, "").replace(/\.json$/, "").slice(0, 200);
}

async function savePipeline() {
  const { workflow, name } = await ofCanvas();
  const found = await ask("pipelines/import", { body: { workflow, name } });
  const { pipeline } = found;
  const wanted = await new SaveDialog(pipeline.name || name, found).open();
  if (!wanted) return;
  const named = { ...pipeline, name: pipeline.name || wanted.name };
  if (wanted.asFile) return save(`${fileName(wanted.name)}.json`, new Blob([`${JSON.stringify(named, null, 2)}\n`], { type: "application/json" }));
  const body = { name: fileName(wanted.name), pipeline: named };
  let done = await ask("pipelines/save", { body });
  if (done.is_there) {
    const agreed = await confirm({ title: t("pipeline_save"), body: [el("p", {}, t("pipeline_isThere", { name: done.name }))], yes: t("pipeline_replace") });
    if (!agreed) return;
    done = await ask("pipelines/save", { body: { ...body, replace: true } });
  }
  toast("success", t("pipeline_saved", { name: done.name }));
}

/** What the server takes as a name; it says what is wrong with the rest. */
function fileName(name) {
  return name.trim().replace(/[^A-Za-z0-9 _-]+/g, "_").replace(/^[^A-Za-z0-9]+/, "").slice(0, 80).trim() || "pipeline";
}

class SaveDialog {
  constructor(name, found) {
    this.name = el("input", { type: "text", spellcheck: "false", maxlength: "80" });
    this.name.value = fileName(name);
    this.name.addEventListener("keydown", (event) => event.key === "Enter" && !event.isComposing && this.done(false));
    const file = el("button", { type: "button", onclick: () => this.done(true) }, t("pipeline_asFile"));
    const keep = el("button", { type: "button", class: "orc-main", onclick: () => this.done(false) }, t("pipeline_keep"));
    const body = [
      el("label", {}, el("span", {}, t("pipeline_name")), this.name),
      ...toldElements(found),
    ];
    this.dialog = new Dialog(t("pipeline_save"), "orj-dialog", body, [file, keep]);
  }

  open() {
    return this.dialog.open(this.name);
  }

  done(asFile) {
    if (this.name.value.trim()) this.dialog.close({ name: this.name.value, asFile });
  }
}

// a workflow into the queue

export function addToQueue() {
  return tell(add());
}

async function add() {
  const { workflow, name } = await ofCanvas();
  const found = await ask("pipelines/import", { body: { workflow, name } });
  const wanted = await new AddDialog(found.pipeline.name || name, found).open();
  if (!wanted) return;
  const { count } = await ask("pipelines/queue", { body: { workflow, ...wanted } });
  toast("success", t("queue_added", { count: count.toLocaleString() }));
  added();
}

class AddDialog {
  constructor(name, found) {
    this.name = el("input", { type: "text", spellcheck: "false", maxlength: "200" });
    this.name.value = name;
    this.count = el("input", { type: "number", min: "1", max: String(MOST), step: "1", value: "1" });
    this.priority = el("input", { type: "number", step: "1", value: "0" });
    this.target = el("select", {}, ...TARGETS.map((target) => el("option", { value: target }, t(`queue_target_${target || "any"}`))));
    const button = el("button", { type: "button", class: "orc-main", onclick: () => this.done() }, t("queue_addYes"));
    const row = (text, input, hint) => el("label", {}, el("span", {}, text), input, hint && el("small", {}, hint));
    const body = [
      row(t("queue_addName"), this.name),
      el("div", { class: "orl-pair" }, row(t("queue_addCount"), this.count, t("queue_addSeeds")), row(t("queue_addPriority"), this.priority, t("queue_addSooner"))),
      row(t("queue_addTarget"), this.target),
      ...toldElements(found),
    ];
    this.dialog = new Dialog(t("queue_addTitle"), "orj-dialog", body, [button]);
    this.dialog.element.addEventListener("keydown", (event) => event.key === "Enter" && !event.isComposing && event.target.matches("input") && this.done());
  }

  open() {
    return this.dialog.open(this.count);
  }

  done() {
    const inputs = [this.count, this.priority];
    if (!inputs.every((input) => input.reportValidity())) return;
    this.dialog.close({ name: this.name.value, count: Number(this.count.value), priority: Number(this.priority.value), target: this.target.value });
  }
}
