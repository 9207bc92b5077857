// The pack's entry on ComfyUI's page: commands, settings, menus, and what the server tells.

import { api, app, ask, isFixed, isPromptNode, loadTexts, t } from "./host.js";
import {
  Cursor,
  copyAsTemplate,
  fixPrompt,
  insertWildcard,
  previewAll,
  reloadWildcards,
  rerollSlot,
  rerollThis,
  run,
} from "./actions.js";
import { startAutocomplete } from "./autocomplete.js";
import { dressInspectorNode, showInspected } from "./inspector_node.js";
import { dressPromptNode, showPopulated } from "./prompt_node.js";
import { onProfiles } from "./profile_names.js";
import { startTips } from "./words.js";

const cursor = new Cursor();
const actions = {
  insert: (node) => run((chosen) => insertWildcard(chosen, cursor), node),
  reroll: (node) => run(rerollSlot, node),
  rerollSlot: (node, slot) => run((chosen) => rerollThis(chosen, slot), node),
  fix: (node) => run(fixPrompt, node),
  copy: (node) => run(copyAsTemplate, node),
};

function addStyles() {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = new URL("../css/orchestrator.css", import.meta.url).href;
  document.head.append(link);
}

app.registerExtension({
  name: "Orchestrator",
  aboutPageBadges: [
    { label: "Orchestrator", url: "https://github.com/sd-orchestrator/sd-orchestrator", icon: "pi pi-sparkles" },
  ],
  settings: [
    {
      id: "Orchestrator.Preview",
      category: ["Orchestrator", "Prompt", "Preview"],
      sortOrder: 30,
      name: "Show what the next run will draw",
      type: "boolean",
      defaultValue: true,
      onChange: (_, before) => before !== undefined && previewAll(), // the first call only tells what is set
    },
    {
      id: "Orchestrator.Autocomplete",
      category: ["Orchestrator", "Prompt", "Autocomplete"],
      sortOrder: 20,
      name: "Suggest wildcards, values, variables and embeddings",
      type: "boolean",
      defaultValue: true,
    },
    {
      id: "Orchestrator.InsertStyle",
      category: ["Orchestrator", "Prompt", "InsertStyle"],
      sortOrder: 10,
      name: "What follows an inserted wildcard",
      type: "combo",
      options: [
        { text: "Nothing", value: "plain" },
        { text: "A comma, at the end of a line", value: "comma" },
      ],
      defaultValue: "plain",
    },
  ],
  commands: [
    {
      id: "Orchestrator.InsertWildcard",
      label: "Insert wildcard",
      icon: "pi pi-plus",
      function: () => actions.insert(),
    },
    {
      id: "Orchestrator.FixPrompt",
      label: "Fix this prompt, or let it be drawn again",
      icon: "pi pi-lock",
      function: () => actions.fix(),
    },
    {
      id: "Orchestrator.RerollSlot",
      label: "Draw one part of the prompt again",
      icon: "pi pi-refresh",
      function: () => actions.reroll(),
    },
    {
      id: "Orchestrator.CopyAsTemplate",
      label: "Copy as template",
      icon: "pi pi-copy",
      function: () => actions.copy(),
    },
    { id: "Orchestrator.ReloadWildcards", label: "Reload wildcards", icon: "pi pi-sync", function: reloadWildcards },
  ],
  menuCommands: [
    {
      path: ["Extensions", "Orchestrator"],
      commands: ["InsertWildcard", "FixPrompt", "RerollSlot", "CopyAsTemplate", "ReloadWildcards"].map(
        (name) => `Orchestrator.${name}`,
      ),
    },
  ],

  async setup() {
    addStyles();
    await loadTexts();
    startAutocomplete();
    startTips();
    onProfiles(previewAll);
    ask("wildcards", { query: { limit: 0 } }).catch(() => {}); // from here on a reload tells what changed
    api.addEventListener("orchestrator.populated", ({ detail }) => showPopulated(detail.node, detail));
    api.addEventListener("executed", ({ detail }) => {
      showInspected(detail.display_node ?? detail.node, detail.output);
      // also where ComfyUI takes the result of an earlier run, in which the text was drawn
      for (const drawn of detail.output?.orchestrator_populated ?? []) showPopulated(drawn.node, drawn);
    });
  },

  nodeCreated(node) {
    dressPromptNode(node, actions);
    dressInspectorNode(node);
  },

  onNodeOutputsUpdated(outputs) {
    for (const [id, output] of Object.entries(outputs)) showInspected(id, output);
  },

  getNodeMenuItems(node) {
    if (!isPromptNode(node)) return [];
    const entry = (name, label = name) => ({ content: t(`button_${label}`), callback: () => actions[name](node) });
    const fix = entry("fix", isFixed(node) ? "unfix" : "fix");
    return [
      null,
      entry("insert"),
      entry("reroll"),
      fix,
      entry("copy"),
      { content: t("button_reload"), callback: reloadWildcards },
    ];
  },
});
