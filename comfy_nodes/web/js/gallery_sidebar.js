// The Gallery tab of ComfyUI's sidebar: the page that this server has below /orchestrator/v1/app, in a frame. It is loaded
// when the tab is first opened, and stays as it is while other tabs are shown.

import { addSidebarTab, api, app, loadTexts, t, toast } from "./host.js";
import { openWorkflow } from "./pipeline_canvas.js";
import { el } from "./words.js";

const TAB = "orchestrator-gallery";

/** By the colour of the sidebar: not every frontend has a class that says it. */
function themeNow() {
  const probe = document.createElement("i");
  probe.style.color = "var(--comfy-menu-bg)";
  probe.hidden = true;
  document.body.append(probe);
  const [red, green, blue] = (getComputedStyle(probe).color.match(/[\d.]+/g) ?? [0, 0, 0]).map(Number);
  probe.remove();
  return 0.3 * red + 0.6 * green + 0.1 * blue < 128 ? "dark" : "light";
}
const address = (place) => api.apiURL(`/orchestrator/v1/app/?${new URLSearchParams(place)}`);

class Panel {
  constructor() {
    this.parking = el("div", { class: "org-parking", hidden: true });
    this.frame = null;
    // A frame that is taken out of the page forgets all; where the browser can, it is moved while it stays in.
    this.canMove = typeof this.parking.moveBefore === "function";
    document.body.append(this.parking);
    addEventListener("message", (event) => this.heard(event));
    const observer = new MutationObserver(() => this.tellTheme());
    for (const place of [document.documentElement, document.body]) observer.observe(place, { attributes: true, attributeFilter: ["class", "style"] });
    // Who pulls at the sidebar's edge would lose it over the frame, which takes what happens above it for its own.
    document.addEventListener("pointerdown", () => this.letThrough(true), true);
    for (const end of ["pointerup", "pointercancel"]) document.addEventListener(end, () => this.letThrough(false), true);
  }

  mount(place) {
    place.style.height = "100%";
    this.frame ??= this.made();
    this.move(place);
  }

  unmount() {
    this.move(this.parking);
  }

  made() {
    const src = address({ in: "comfyui", theme: themeNow() });
    return el("iframe", { class: "org-frame", src, title: t("gallery_tab"), allow: "clipboard-write; fullscreen" });
  }

  move(place) {
    if (this.canMove && this.frame.isConnected && place.isConnected) place.moveBefore(this.frame, null);
    else if (place === this.parking) this.frame.src = this.frame.contentWindow?.location.href ?? this.frame.src;
    else place.append(this.frame);
  }

  letThrough(isPulled) {
    if (this.frame) this.frame.style.pointerEvents = isPulled ? "none" : "";
  }

  tellTheme() {
    const theme = themeNow();
    if (theme === this.theme) return;
    this.theme = theme;
    this.frame?.contentWindow?.postMessage({ type: "orchestrator:theme", theme }, location.origin);
  }

  async heard({ origin, source, data }) {
    const isOurs = origin === location.origin && this.frame && source === this.frame.contentWindow;
    if (!isOurs || data?.type !== "orchestrator:openWorkflow") return;
    try {
      await openWorkflow(data.workflow, data.name);
    } catch (error) {
      toast("error", t("failed"), error.message);
    }
  }
}

let panel = null;

function openGallery() {
  if (app.extensionManager?.sidebarTab?.activeSidebarTabId === TAB) return;
  app.extensionManager?.command?.execute(`Workspace.ToggleSidebarTab.${TAB}`);
}

app.registerExtension({
  name: "Orchestrator.Gallery",
  commands: [
    { id: "Orchestrator.ShowGallery", label: "Show the gallery", icon: "pi pi-images", function: () => openGallery() },
    {
      id: "Orchestrator.OpenGallery",
      label: "Open the gallery in a window of its own",
      icon: "pi pi-external-link",
      function: () => window.open(address({ theme: themeNow() }), "_blank", "noopener"),
    },
  ],
  menuCommands: [
    { path: ["Extensions", "Orchestrator"], commands: ["Orchestrator.ShowGallery", "Orchestrator.OpenGallery"] },
  ],

  async setup() {
    await loadTexts();
    document.head.append(el("link", { rel: "stylesheet", href: new URL("../css/gallery.css", import.meta.url).href }));
    panel = new Panel();
    addSidebarTab({
      id: TAB,
      icon: "pi pi-images",
      title: t("gallery_tab"),
      tooltip: t("gallery_title"),
      panel,
    });
  },
});
