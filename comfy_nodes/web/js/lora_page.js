// LoRAs on the page: what several of its parts need. The server names a LoRA by an id; paths never come back.

import { api, app, ask, rootGraph, setValue, t, toast, valueOf, widgetOf } from "./host.js";
import { el } from "./words.js";

export const SELECTOR_NODE = "OrchestratorLoRASelector";
export const DRAG_TYPE = "application/x-orchestrator-lora";
const BRIEF = 60; // characters
const HUES = { "SD 1.5": 205, SDXL: 265, Pony: 320, Illustrious: 285, NoobAI: 345, "Flux.1": 28, "Flux.2": 14, "SD 3": 180 };

export function previewUrl(lora, size = "small") {
  return api.apiURL(`/orchestrator/loras/preview?${new URLSearchParams({ id: lora.id, size })}`);
}

/** The hue of a base model: the known ones always the same, the others by their name. */
export function hueOf(lora) {
  const name = lora.sub || lora.base;
  return HUES[name] ?? HUES[lora.base] ?? [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 90);
}

/** The preview, or a quiet field with the first letters where there is none. */
export function pictureOf(lora, size) {
  const field = el("div", { class: "orl-picture", style: `--hue: ${hueOf(lora)}` }, el("span", {}, initials(lora.title)));
  if (lora.preview) {
    const image = el("img", { src: previewUrl(lora, size), alt: "", loading: "lazy", decoding: "async", draggable: "false" });
    image.addEventListener("load", () => field.classList.add("orl-loaded"));
    image.addEventListener("error", () => image.remove());
    field.append(image);
  }
  return field;
}

function initials(title) {
  const words = title.replace(/[_\-.]+/g, " ").match(/[\p{L}\p{N}]+/gu) ?? ["?"];
  return words.slice(0, 2).map((word) => [...word][0].toUpperCase()).join("");
}

/** The beginning of a long text: a LoRA may have hundreds of trigger words. */
export function brief(text) {
  const letters = [...text];
  return letters.length > BRIEF ? `${letters.slice(0, BRIEF - 1).join("").trimEnd()}…` : text;
}

export function baseBadge(lora) {
  const name = lora.sub || lora.base;
  return name ? el("span", { class: "orl-base", style: `--hue: ${hueOf(lora)}` }, name) : null;
}

/** ``<lora:name:0.8>``, as A1111, Forge and the LoRA Selector read it. */
export function tagOf(lora) {
  return `<lora:${lora.name}:${lora.strength ?? 0.8}>`;
}

/** Lets an element be dragged into the graph, or as a tag into any text. */
export function makeDraggable(element, lora) {
  element.draggable = true;
  element.addEventListener("dragstart", (event) => {
    event.dataTransfer.setData(DRAG_TYPE, JSON.stringify(lora));
    event.dataTransfer.setData("text/plain", tagOf(lora));
    event.dataTransfer.effectAllowed = "copy";
    const picture = element.querySelector(".orl-picture");
    if (picture) event.dataTransfer.setDragImage(picture, 30, 30);
  });
}

/** What a person says of a LoRA; the LoRA as it is then, or null where it could not be kept, which is told. */
export async function say(lora, values) {
  try {
    return await ask("loras/user", { body: { id: lora.id, ...values } });
  } catch (error) {
    toast("error", t("failed"), error.message);
    return null;
  }
}

// into the graph

/** Puts a LoRA where a person wants it: into the node that is there, or into a new LoraLoader at ``at``. */
export function place(lora, node, at) {
  if (node?.comfyClass === SELECTOR_NODE) pin(lora, node);
  else if (node && widgetOf(node, "lora_name")) setFile(lora, node);
  else newLoader(lora, at);
  app.extensionManager?.workflow?.activeWorkflow?.changeTracker?.checkState?.(); // one step of undo
}

function pin(lora, node) {
  const lines = String(valueOf(node, "include") ?? "").split("\n").filter((line) => line.trim());
  const isThere = lines.some((line) => line.replace(/:[\d.\s-]*$/, "").trim() === lora.name);
  if (!isThere) setValue(node, "include", [...lines, lora.name].join("\n"));
  toast("success", t(isThere ? "lora_pinnedAlready" : "lora_pinned"), lora.title);
}

function setFile(lora, node) {
  const choices = widgetOf(node, "lora_name").options?.values;
  if (Array.isArray(choices) && !choices.includes(lora.file)) choices.push(lora.file); // newer than the page
  setValue(node, "lora_name", lora.file);
  for (const name of ["strength_model", "strength_clip"]) if (lora.strength != null) setValue(node, name, lora.strength);
}

function newLoader(lora, at) {
  const node = window.LiteGraph.createNode("LoraLoader");
  node.pos = at ?? middle(node);
  (app.canvas?.graph ?? rootGraph()).add(node);
  setFile(lora, node);
  app.canvas?.selectNodes?.([node]);
}

/** So that the node is in the middle of what is seen. */
function middle(node) {
  const view = app.canvas?.visible_area ?? app.canvas?.ds?.visible_area;
  if (!view) return [100, 100];
  return [view[0] + (view[2] - node.size[0]) / 2, view[1] + (view[3] - node.size[1]) / 2];
}

/** The node that a button of the sidebar means: the selected one. */
export function selectedNode() {
  return Object.values(app.canvas?.selected_nodes ?? {})[0];
}

/** Takes LoRAs that are dropped on the canvas; a text box takes the tag by itself. */
export function startDropping() {
  const ours = (event) => event.dataTransfer?.types.includes(DRAG_TYPE) && isOnCanvas(event);
  document.addEventListener("dragover", (event) => {
    if (!ours(event)) return;
    event.preventDefault();
    event.stopPropagation();
    event.dataTransfer.dropEffect = "copy";
  }, true);
  document.addEventListener("drop", (event) => {
    if (!ours(event)) return;
    event.preventDefault();
    event.stopPropagation(); // ComfyUI would look for a workflow in it
    const at = app.canvas.convertEventToCanvasOffset(event);
    place(JSON.parse(event.dataTransfer.getData(DRAG_TYPE)), app.canvas.graph.getNodeOnPos(at[0], at[1]), [...at]);
  }, true);
}

function isOnCanvas(event) {
  if (event.target.closest?.("textarea, input, [contenteditable=true], .orl-panel, dialog")) return false;
  const box = app.canvas?.canvas?.getBoundingClientRect();
  const side = event.target.closest?.(".side-bar-panel, .side-tool-bar-container, .comfyui-menu, .p-dialog");
  return Boolean(box) && !side && event.clientX >= box.left && event.clientX <= box.right && event.clientY >= box.top && event.clientY <= box.bottom;
}
