// Where the page is shown: alone, or in a tab of a host, whose theme it then takes.

import { remember, remembered } from "./remembered";
import { Signal } from "./signal";

export type Theme = "auto" | "light" | "dark";

const params = new URLSearchParams(location.search);

/** "comfyui", "forge" or "" for a page of its own. */
export const host: string = params.get("in") ?? "";

const asked = params.get("theme");
const isTheme = (word: string | null | undefined): word is Theme => word === "auto" || word === "light" || word === "dark";

export const theme = new Signal<Theme>([asked, remembered("theme", "auto")].find(isTheme) ?? "auto");

export function applyTheme(): void {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: light)");
  const ofSystem = () => (system.matches ? "light" : "dark");
  const show = () => root.setAttribute("data-theme", theme.value === "auto" ? ofSystem() : theme.value);
  theme.subscribe(show);
  system.addEventListener("change", show);
  show();
  // The host says when its own theme changes.
  addEventListener("message", ({ origin, source, data }: MessageEvent<{ type?: string; theme?: string } | null>) => {
    if (origin !== location.origin || source !== window.parent || data?.type !== "orchestrator:theme") return;
    if (isTheme(data.theme)) theme.set(data.theme);
  });
}

export function chooseTheme(word: Theme): void {
  theme.set(word);
  remember("theme", word);
}

/** Opens a workflow in ComfyUI's canvas where the page is in its tab; elsewhere saves it as a file. */
export function openWorkflow(workflow: unknown, name: string): "opened" | "saved" {
  if (host === "comfyui" && window.parent !== window) {
    window.parent.postMessage({ type: "orchestrator:openWorkflow", workflow, name }, location.origin);
    return "opened";
  }
  saveFile(JSON.stringify(workflow, null, 2), `${name}.json`, "application/json");
  return "saved";
}

export function saveFile(text: string, name: string, type: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
