// Stories on the page: what several of its parts need. A story is asked for by its name.

import { allNodes, app, ask, isLinked, rootGraph, setValue, t, toast, valueOf } from "./host.js";

export const STORY_NODE = "OrchestratorStoryMemory";
export const TAB = "orchestrator-stories";
const UNUSED = [2, 4]; // modes of a node: muted, bypassed
export const ACTIONS = ["continue", "develop", "new_scene"];

let wanted = ""; // the story that the tab is to show when it opens

export function isTabShown() {
  return app.extensionManager?.sidebarTab?.activeSidebarTabId === TAB;
}

/** Opens the tab, with this story in it. */
export function openStory(name = "") {
  wanted = name;
  if (!isTabShown()) app.extensionManager?.command?.execute(`Workspace.ToggleSidebarTab.${TAB}`);
  else document.dispatchEvent(new CustomEvent("orchestrator-story"));
}

export function takeWanted() {
  const name = wanted;
  wanted = "";
  return name;
}

export function actionText(action) {
  const texts = { continue: t("story_continue"), develop: t("story_develop"), new_scene: t("story_newScene") };
  return texts[action] ?? action;
}

export function isSame(one, other) {
  return String(one ?? "").trim().toLowerCase() === String(other ?? "").trim().toLowerCase();
}

/** The node that goes on with a story: the one that tells it, else the selected one, else the only one. */
export function storyNode(name) {
  const tells = (node) => node.comfyClass === STORY_NODE && !UNUSED.includes(node.mode);
  const nodes = allNodes().filter(tells);
  const selected = Object.values(app.canvas?.selected_nodes ?? {}).filter(tells);
  const telling = [...selected, ...nodes].find((node) => isSame(valueOf(node, "story"), name));
  return telling ?? selected[0] ?? (nodes.length === 1 ? nodes[0] : null);
}

/** Sets the node to a story and an action, and queues the graph. */
export async function goOn(name, action) {
  const node = storyNode(name);
  if (!node) return toast("warn", t("story_noNode"), t("story_addHint"));
  if (isLinked(node, "story") || isLinked(node, "action")) return toast("warn", t("story_linked"));
  setValue(node, "story", name);
  setValue(node, "action", action);
  await app.queuePrompt(0, 1);
}

/** A new node for a story, in the middle of what is seen. */
export function addNode(name) {
  const node = window.LiteGraph.createNode(STORY_NODE);
  const view = app.canvas?.visible_area ?? app.canvas?.ds?.visible_area;
  node.pos = view ? [view[0] + (view[2] - node.size[0]) / 2, view[1] + (view[3] - node.size[1]) / 2] : [100, 100];
  (app.canvas?.graph ?? rootGraph()).add(node);
  setValue(node, "story", name);
  app.canvas?.selectNodes?.([node]);
  app.extensionManager?.workflow?.activeWorkflow?.changeTracker?.checkState?.(); // one step of undo
}

/** What the server then knows of a story, or null where it could not be done, which is told. */
export async function edit(path, body) {
  try {
    return await ask(`stories/${path}`, { body });
  } catch (error) {
    toast("error", t("failed"), error.message);
    return null;
  }
}
