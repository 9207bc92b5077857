// Marks: a favourite, a reject or stars for the image that a node shows, by right click, by command or by key.

import { app, ask, t, toast } from "./host.js";

const STARS = [1, 2, 3, 4, 5];

/** The image that a node shows: the chosen one of several, as ``/view`` is asked for it; null where there is none. */
function imageOf(node) {
  const images = app.nodeOutputs?.[String(node?.id)]?.images ?? node?.images ?? [];
  const found = images[node?.imageIndex ?? node?.overIndex ?? 0] ?? images[0];
  return found?.filename ? { filename: found.filename, subfolder: found.subfolder ?? "", type: found.type ?? "output" } : null;
}

function selectedNode() {
  const selected = Object.values(app.canvas?.selected_nodes ?? {});
  return selected.find((node) => imageOf(node)) ?? null;
}

async function mark(said, node = selectedNode()) {
  const image = imageOf(node);
  if (!image) return toast("warn", t("mark_none"), t("mark_noneHint"));
  try {
    const { words } = await ask("marks", { body: { ...image, ...said } });
    toast("success", words ? t("mark_done", { words }) : t("mark_gone"), image.filename);
  } catch (error) {
    toast("error", t("mark_failed"), error.message);
  }
}

app.registerExtension({
  name: "Orchestrator.Marks",
  commands: [
    { id: "Orchestrator.MarkFavourite", label: "Mark the image as a favourite", icon: "pi pi-heart", function: () => mark({ favourite: true }) },
    { id: "Orchestrator.MarkReject", label: "Reject the image", icon: "pi pi-ban", function: () => mark({ reject: true }) },
    { id: "Orchestrator.Mark1", label: "Give the image 1 star", icon: "pi pi-star", function: () => mark({ stars: 1 }) },
    { id: "Orchestrator.Mark2", label: "Give the image 2 stars", icon: "pi pi-star", function: () => mark({ stars: 2 }) },
    { id: "Orchestrator.Mark3", label: "Give the image 3 stars", icon: "pi pi-star", function: () => mark({ stars: 3 }) },
    { id: "Orchestrator.Mark4", label: "Give the image 4 stars", icon: "pi pi-star", function: () => mark({ stars: 4 }) },
    { id: "Orchestrator.Mark5", label: "Give the image 5 stars", icon: "pi pi-star", function: () => mark({ stars: 5 }) },
    { id: "Orchestrator.MarkNone", label: "Take the image's marks away", icon: "pi pi-eraser", function: () => mark({}) },
  ],
  menuCommands: [
    {
      path: ["Extensions", "Orchestrator", "Marks"],
      commands: ["MarkFavourite", "MarkReject", "MarkNone"].map((name) => `Orchestrator.${name}`),
    },
  ],

  getNodeMenuItems(node) {
    if (!imageOf(node)) return [];
    const stars = STARS.map((count) => ({ content: "★".repeat(count), callback: () => mark({ stars: count }, node) }));
    return [
      null,
      { content: t("mark_favourite"), callback: () => mark({ favourite: true }, node) },
      { content: t("mark_reject"), callback: () => mark({ reject: true }, node) },
      { content: t("mark_stars"), submenu: { options: stars } },
      { content: t("mark_take"), callback: () => mark({}, node) },
    ];
  },
});
