// Shares the open workflow, or a past run, as a template for others: the server takes out what tells of this machine,
// a person sees what that was, and saves the file with its thumbnail.

import { PROMPT_NODE, api, app, ask, setting, t, toast } from "./host.js";
import { choose } from "./dialog.js";
import { el } from "./words.js";

const LONGEST_SIDE = 768; // px of a thumbnail
const QUALITY = 0.85;
const HISTORY = 64; // finished runs that are looked through for one of the open graph
const WORDS = 8; // of a prompt, that name a past run
const UNNAMED = /^Unsaved Workflow\b/; // what ComfyUI calls a new one, in every language
const KINDS = ["stock", "live"];

app.registerExtension({
  name: "Orchestrator.Sharing",
  commands: [
    {
      id: "Orchestrator.ExportStock",
      label: "Share as a template with this prompt",
      icon: "pi pi-share-alt",
      function: () => tell(shareOpen("stock")),
    },
    {
      id: "Orchestrator.ExportLive",
      label: "Share as a template that draws anew",
      icon: "pi pi-share-alt",
      function: () => tell(shareOpen("live")),
    },
    {
      id: "Orchestrator.ExportRun",
      label: "Share a past run as a template",
      icon: "pi pi-history",
      function: () => tell(sharePast()),
    },
  ],
  menuCommands: [
    {
      path: ["Extensions", "Orchestrator"],
      commands: ["Orchestrator.ExportStock", "Orchestrator.ExportLive", "Orchestrator.ExportRun"],
    },
  ],

  setup() {
    const link = el("link", { rel: "stylesheet", href: new URL("../css/sharing.css", import.meta.url).href });
    document.head.append(link);
  },

  getCanvasMenuItems() {
    return [
      null,
      ...KINDS.map((kind) => ({ content: t(`share_${kind}`), callback: () => tell(shareOpen(kind)) })),
      { content: t("share_run"), callback: () => tell(sharePast()) },
    ];
  },
});

/** Says what went wrong, if something did. */
async function tell(work) {
  try {
    await work;
  } catch (error) {
    toast("error", t("failed"), error.message);
  }
}

async function shareOpen(kind) {
  const { workflow, output } = await app.graphToPrompt();
  if (!workflow.nodes.length) return toast("info", t("shareEmpty"));
  const last = await lastRun(output);
  const make = (name) => ask("share", { body: { kind, workflow, prompt: last?.graph ?? output, name } });
  const name = nameFor(kind, () => promptOf(last?.graph ?? output));
  await review(kind, openName(kind === "live") || name, make, last?.image);
}

/** The name that a person saved the open workflow under, ``or`` that its tab has; "" where it has none yet. */
function openName(orOfTab) {
  const open = app.extensionManager?.workflow?.activeWorkflow;
  const path = open && (orOfTab || !open.isTemporary) ? (open.filename ?? "") : "";
  const name = path.replace(/^.*[\\/]/, "").replace(/\.json$/, "").replaceAll("_", " ");
  return UNNAMED.test(name) ? "" : name;
}

/** Without a name of its own, what renders one prompt is called by it; what draws anew must not be. */
function nameFor(kind, prompt) {
  return kind === "live" ? t("shareUnnamed") : firstWords(prompt());
}

function promptOf(graph) {
  const nodes = Object.values(graph).filter((node) => node.class_type === PROMPT_NODE);
  const texts = nodes.flatMap(({ inputs }) => [inputs.populated_text, inputs.template]);
  return texts.find((text) => typeof text === "string" && text.trim()) ?? "";
}

function firstWords(text) {
  return text.trim().split(/\s+/).slice(0, WORDS).join(" ").replace(/[,.;:]+$/, "");
}

/** ``{graph, image}`` of the last finished run that had the same nodes; null where there is none. */
async function lastRun(output) {
  const answer = await api.fetchApi(`/history?max_items=${HISTORY}`).catch(() => null);
  const history = answer?.ok ? Object.values(await answer.json()) : [];
  const runs = history.filter((run) => isSame(run.prompt?.[2], output)).sort((a, b) => b.prompt[0] - a.prompt[0]);
  if (!runs.length) return null;
  const images = Object.values(runs[0].outputs ?? {}).flatMap((found) => found.images ?? []);
  const saved = images.filter((image) => image.type === "output");
  return { graph: runs[0].prompt[2], image: [...images, ...saved].at(-1) };
}

/** Are these the same nodes? What is in their widgets may have gone on since. */
function isSame(graph, other) {
  const shape = (nodes) => JSON.stringify(Object.entries(nodes).map(([id, node]) => [id, node.class_type]).sort());
  return Boolean(graph) && shape(graph) === shape(other);
}

async function sharePast() {
  const title = t("share_run");
  const run = await choose({ title, placeholder: t("shareSearch"), list: listRuns, empty: t("shareNoRuns") });
  if (!run) return;
  const kinds = KINDS.map((kind) => ({ kind, label: t(`share_${kind}`), more: t(`shareMore_${kind}`) }));
  const list = (search) => ({ items: kinds.filter((item) => item.label.toLowerCase().includes(search.toLowerCase())) });
  const chosen = await choose({ title, placeholder: t("shareHow"), list, empty: "" });
  if (!chosen) return;
  const make = (name) => ask("share", { body: { kind: chosen.kind, run_id: run.id, name } });
  await review(chosen.kind, nameFor(chosen.kind, () => run.positive), make, run.image);
}

async function listRuns(search) {
  const { runs } = await ask("runs", { query: { search, limit: 60 } });
  const day = new Intl.DateTimeFormat(setting("Comfy.Locale"), { dateStyle: "medium", timeStyle: "short" });
  const detail = (run) => (run.made_ms ? day.format(run.made_ms) : "");
  return { items: runs.map((run) => ({ ...run, label: run.positive, detail: detail(run), more: run.template })) };
}

/** Shows what would be shared and what was taken out; saves it if a person wants it so. */
async function review(kind, name, make, image) {
  const picture = image ? await thumbnail(image).catch(() => null) : null;
  const wanted = await new Review(kind, name, await make(name), picture).open();
  if (wanted === null) return;
  const { template } = wanted === name ? await make(name) : await make(wanted);
  const file = fileName(wanted);
  save(`${file}.json`, new Blob([`${JSON.stringify(template, null, 1)}\n`], { type: "application/json" }));
  if (picture) save(`${file}.jpg`, picture);
  toast("success", t("shareSaved", { file: `${file}.json` }), picture ? t("shareThumbnail", { file: `${file}.jpg` }) : "");
}

class Review {
  constructor(kind, name, found, picture) {
    this.input = el("input", { type: "text", spellcheck: "false", "aria-label": t("shareName"), maxlength: "120" });
    this.input.value = name;
    this.url = picture ? URL.createObjectURL(picture) : "";
    this.dialog = el(
      "dialog",
      { class: "orc-dialog orc-share", "aria-label": t(`share_${kind}`) },
      el("h2", {}, t(`share_${kind}`)),
      el(
        "div",
        { class: "orc-share-body" },
        this.url && el("img", { src: this.url, alt: "" }),
        el("p", {}, t(`shareMore_${kind}`)),
        el("label", {}, t("shareName"), this.input),
        ...list(t("shareWarnings"), found.warnings, "orc-share-warnings"),
        ...(found.taken_out.length
          ? list(t("shareTakenOut"), found.taken_out, "orc-share-out")
          : [el("p", { class: "orc-share-clean" }, t("shareNothing"))]),
        el("p", { class: "orc-hint" }, t("shareLook")),
      ),
      el(
        "div",
        { class: "orc-share-buttons" },
        el("button", { type: "button", onclick: () => this.close(null) }, t("shareCancel")),
        el("button", { type: "button", class: "orc-main", onclick: () => this.done() }, t("shareSave")),
      ),
    );
  }

  /** The name to save it under; null if it is not to be. */
  open() {
    for (const name of ["keydown", "keyup", "paste", "copy", "cut"])
      this.dialog.addEventListener(name, (event) => event.stopPropagation()); // ComfyUI has keys of its own
    this.input.addEventListener("keydown", (event) => event.key === "Enter" && !event.isComposing && this.done());
    this.dialog.addEventListener("close", () => this.close(null));
    document.body.append(this.dialog);
    this.dialog.showModal();
    this.input.select();
    return new Promise((resolve) => (this.resolve = resolve));
  }

  done() {
    this.close(this.input.value.trim());
  }

  close(name) {
    URL.revokeObjectURL(this.url);
    this.dialog.remove();
    this.resolve(name);
  }
}

function list(title, lines, kind) {
  if (!lines.length) return [];
  return [el("h3", {}, title), el("ul", { class: kind }, ...lines.map((line) => el("li", {}, line)))];
}

function fileName(name) {
  const kept = name.replace(/[^\p{L}\p{N} ._-]+/gu, " ").trim().replace(/\s+/g, "_").slice(0, 80);
  return kept.replace(/^\.+/, "") || "template";
}

/** The picture alone, small: drawn anew, so that nothing goes along that its file says. */
async function thumbnail(image) {
  const query = new URLSearchParams({ filename: image.filename, subfolder: image.subfolder ?? "", type: image.type });
  const answer = await api.fetchApi(`/view?${query}`);
  if (!answer.ok) throw new Error(answer.statusText);
  const picture = await createImageBitmap(await answer.blob());
  const scale = Math.min(1, LONGEST_SIDE / Math.max(picture.width, picture.height));
  const canvas = el("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
}

export function save(name, blob) {
  const url = URL.createObjectURL(blob);
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
