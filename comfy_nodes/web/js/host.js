// ComfyUI's page, as far as this pack needs it: its nodes and widgets, settings, messages, and our own routes.
// All that differs between frontends 1.27 and 1.58, between the canvas and Nodes 2.0, is in this file.

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";

export { app, api };

export const PROMPT_NODE = "OrchestratorWildcardPrompt";
export const INSPECTOR_NODE = "OrchestratorPromptInspector";
export const TEMPLATES = { template: "positive", negative_template: "negative" };

// nodes

export function rootGraph() {
  return app.rootGraph ?? app.graph;
}

/** All nodes of the workflow, those in subgraphs too, each once. */
export function allNodes(graph = rootGraph(), seen = new Set()) {
  if (!graph || seen.has(graph)) return [];
  seen.add(graph);
  return (graph._nodes ?? graph.nodes ?? []).flatMap((node) => [node, ...allNodes(node.subgraph, seen)]);
}

/** The node of an execution id: "7", or "12:3" for node 3 inside of the subgraph node 12. */
export function findNode(id) {
  let graph = rootGraph();
  let node = null;
  for (const part of String(id).split(":")) {
    node = graph?.getNodeById(part) ?? graph?.getNodeById(Number(part)) ?? null;
    graph = node?.subgraph;
  }
  return node;
}

export function isPromptNode(node) {
  return node?.comfyClass === PROMPT_NODE;
}

/** The prompt node that a command is meant for: the selected one, or the only one. */
export function chosenPromptNode() {
  const selected = Object.values(app.canvas?.selected_nodes ?? {}).filter(isPromptNode);
  const all = allNodes(app.canvas?.graph ?? rootGraph()).filter(isPromptNode);
  return selected[0] ?? (all.length === 1 ? all[0] : null);
}

// widgets

export function widgetOf(node, name) {
  return node.widgets?.find((widget) => widget.name === name);
}

export function valueOf(node, name) {
  return widgetOf(node, name)?.value;
}

/** Sets a widget as a person would, so that whoever listens to it hears of it. */
export function setValue(node, name, value) {
  const widget = widgetOf(node, name);
  if (!widget || widget.value === value) return;
  widget.value = value;
  widget.callback?.(value, app.canvas, node);
  redraw(node);
}

export function isFixed(node) {
  return valueOf(node, "mode") === "fixed";
}

export function isLinked(node, name) {
  const slot = node.inputs?.findIndex((input) => input.widget?.name === name || input.name === name) ?? -1;
  return slot >= 0 && node.isInputConnected(slot);
}

/** Calls ``listener(byPerson)`` after a widget has changed; ComfyUI's own changes of a seed pass the value alone. */
export function onChange(widget, listener) {
  const before = widget.callback;
  widget.callback = function (...passed) {
    const result = before?.apply(this, passed);
    listener(passed.length > 1 || passed.length === 0);
    return result;
  };
}

/** The text box that is on the screen for a widget, in either renderer. */
export function textBoxOf(node, name) {
  const element = widgetOf(node, name)?.element;
  if (element?.isConnected && element.offsetParent) return element;
  const row = `[data-node-id="${node.id}"] [data-widget-name="${name}"] textarea`;
  return document.querySelector(row) ?? (element?.isConnected ? element : null);
}

/** ``{node, name}`` of the template that a text box is for; null for any other box. */
export function templateOf(box) {
  return promptBox(box, Object.keys(TEMPLATES));
}

/** ``{node, name}`` of a Wildcard Prompt's text box, if it is one of these. */
export function promptBox(box, names) {
  if (!(box instanceof HTMLTextAreaElement)) return null;
  const row = box.closest("[data-widget-name]");
  if (row) {
    const id = row.closest("[data-node-id]")?.dataset.nodeId;
    const node = (app.canvas?.graph ?? rootGraph())?.getNodeById(Number(id));
    const name = row.dataset.widgetName;
    return isPromptNode(node) && names.includes(name) ? { node, name } : null;
  }
  for (const node of allNodes().filter(isPromptNode))
    for (const name of names) if (widgetOf(node, name)?.element === box) return { node, name };
  return null;
}

/** Makes a text box one to look at, or to write in again. */
export function setReadOnly(node, name, isReadOnly) {
  const widget = widgetOf(node, name);
  if (!widget) return;
  widget.options.read_only = isReadOnly; // Nodes 2.0
  const element = widget.element;
  if (!element) return;
  element.readOnly = isReadOnly;
  element.placeholder = widget.label ?? name; // in the page's language
  element.classList.toggle("orc-readonly", isReadOnly);
}

/** Replaces a part of a text box as if it were typed, so that undo and the page's own listeners know of it. */
export function typeInto(box, start, end, text) {
  box.focus({ preventScroll: true });
  box.setSelectionRange(start, end);
  if (document.execCommand("insertText", false, text)) return;
  box.setRangeText(text, start, end, "end");
  box.dispatchEvent(new InputEvent("input", { bubbles: true, inputType: "insertText", data: text }));
}

export function redraw(node) {
  (node.graph ?? rootGraph())?.setDirtyCanvas?.(true, true);
}

/** The height that the content of an element wants, in px that know no zoom; 0 while it is not on the page. */
export function naturalHeight(element) {
  const { height, minHeight } = element.style;
  Object.assign(element.style, { height: "auto", minHeight: "0" });
  const wanted = element.isConnected ? element.scrollHeight : 0;
  Object.assign(element.style, { height, minHeight });
  return wanted;
}

/** Makes room below for what a DOM widget wants to show; never makes a node smaller. */
export function growToFit(node) {
  const wanted = node.computeSize?.();
  if (wanted && wanted[1] > node.size[1]) node.setSize([node.size[0], wanted[1]]);
  redraw(node);
}

// people

const texts = {}; // of the page's language, from locales/<language>/main.json

export async function loadTexts() {
  const all = await api.getCustomNodesI18n().catch(() => ({}));
  const language = setting("Comfy.Locale") ?? "en";
  Object.assign(texts, all.en?.orchestrator, all[language]?.orchestrator);
}

/** A sentence in the page's language: ``t("added", {names: "a, b"})``. */
export function t(key, values = {}) {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export function setting(id) {
  return app.extensionManager?.setting?.get(id);
}

/** ``severity``: success, info, warn or error. */
export function toast(severity, summary, detail = "") {
  app.extensionManager?.toast?.add({ severity, summary, detail, life: severity === "error" ? 10000 : 5000 });
}

// the sidebar

let shown = null; // {panel, watcher}: what is in the sidebar now, if it is ours

/** A tab of the sidebar; ``panel`` has ``mount(place)``, which puts one element there, and ``unmount()``. */
export function addSidebarTab({ panel, ...about }) {
  app.extensionManager?.registerSidebarTab({
    ...about,
    type: "custom",
    render: (place) => showPanel(panel, place),
    destroy: () => shown?.panel === panel && hidePanel(),
  });
}

/** Frontends give the next tab the same place, and do not say that the one before it is over. */
function showPanel(panel, place) {
  hidePanel();
  place.replaceChildren();
  panel.mount(place);
  const own = place.lastElementChild;
  const watcher = new MutationObserver(() => place.lastElementChild !== own && hidePanel()); // another pack's tab came
  watcher.observe(place, { childList: true });
  shown = { panel, watcher };
}

function hidePanel() {
  const before = shown;
  shown = null;
  before?.watcher.disconnect();
  before?.panel.unmount();
}

// our routes

/** The answer of ``/orchestrator/<path>``. Throws an Error with a sentence for people; passes AbortError on. */
export async function ask(path, { query, body, signal } = {}) {
  const search = query ? `?${new URLSearchParams(query)}` : "";
  const options = body
    ? { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }
    : {};
  const answer = await api.fetchApi(`/orchestrator/${path}${search}`, { ...options, signal }).catch((error) => {
    throw error.name === "AbortError" ? error : new Error(t("unreachable"));
  });
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(data.error ?? t("noAnswer", { status: answer.status }));
  return data;
}
