// Learning on the page: what several of its parts need. All of it is one ledger on this machine, which Forge shares.

import { app, ask, t, toast } from "./host.js";

export const TAB = "orchestrator-odds";
export const LEARNING = "Orchestrator.Learning"; // the id of ComfyUI's setting
export const MODES = ["off", "careful", "fast"];

export function openOdds() {
  if (app.extensionManager?.sidebarTab?.activeSidebarTabId === TAB) return;
  app.extensionManager?.command?.execute(`Workspace.ToggleSidebarTab.${TAB}`);
}

/** What the ledger then says, or null where it could not be done, which is told. */
export async function change(path, body) {
  try {
    return await ask(`learning/${path}`, { body });
  } catch (error) {
    toast("error", t("failed"), error.message);
    return null;
  }
}

export function showMode(mode) {
  if (app.extensionManager?.setting?.get(LEARNING) !== mode) app.extensionManager?.setting?.set(LEARNING, mode);
}
