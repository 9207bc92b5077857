// Which profiles a Wildcard Prompt draws with: what stands in its box, or what the Profile Loader before it chooses.

import { isLinked, valueOf } from "./host.js";

export const LOADER_NODE = "OrchestratorProfileLoader";
export const CHOOSING = ["character", "setting", "style", "genre", "more"];
const IN_ORDER = ["character", "setting", "style", "more", "genre"]; // a later one wins; the genre is the last
const EVENT = "orchestrator-profiles";
const MOST = 20; // loaders in a row

/** What the widgets of a Profile Loader choose, as names with commas. */
export function chosenNames(loader) {
  return IN_ORDER.map((name) => String(valueOf(loader, name) ?? "").trim()).filter(Boolean).join(", ");
}

/** The names of a node's profiles; null where only the run can tell. */
export function profilesOf(node, hops = MOST) {
  if (!isLinked(node, "profiles")) return node.comfyClass === LOADER_NODE ? "" : String(valueOf(node, "profiles") ?? "");
  const slot = node.inputs.findIndex((input) => input.widget?.name === "profiles" || input.name === "profiles");
  const [loader, output] = [node.getInputNode?.(slot), node.getInputLink?.(slot)?.origin_slot];
  if (loader?.comfyClass !== LOADER_NODE || output !== 0 || hops <= 0) return null;
  if (CHOOSING.some((name) => isLinked(loader, name))) return null;
  const before = profilesOf(loader, hops - 1);
  return before === null ? null : [before, chosenNames(loader)].filter(Boolean).join(", ");
}

export function tellProfiles() {
  document.dispatchEvent(new CustomEvent(EVENT));
}

/** Calls ``listener`` after a Profile Loader chose others. */
export function onProfiles(listener) {
  document.addEventListener(EVENT, listener);
}
