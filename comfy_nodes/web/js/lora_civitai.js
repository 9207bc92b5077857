// Civitai, asked about one LoRA by a click. The first time a dialog says what is sent; a setting remembers the answer.

import { app, ask, setting, t, toast } from "./host.js";
import { confirm } from "./dialog.js";
import { el } from "./words.js";

const AGREED = "Orchestrator.AskCivitai";

app.registerExtension({
  name: "Orchestrator.Civitai",
  settings: [
    {
      id: "Orchestrator.AskCivitai",
      category: ["Orchestrator", "LoRAs", "AskCivitai"],
      name: "Ask Civitai when I click",
      type: "boolean",
      defaultValue: false,
    },
  ],
});

export function wasAsked(lora) {
  return lora.facts.some(({ source }) => source === "civitai");
}

/** Asks, if a person agrees; ``changed(lora)`` gets the LoRA with what came, ``isAsking`` whether it goes on. */
export async function askCivitai(lora, changed, isAsking) {
  if (!(await agreed(lora))) return;
  isAsking(true);
  try {
    const found = await ask("loras/civitai", { body: { id: lora.id, consent: true, again: wasAsked(lora) } });
    tell(found);
    changed(found.lora);
  } catch (error) {
    toast("error", t("failed"), error.message);
  } finally {
    isAsking(false);
  }
}

function tell({ outcome, problem, lora }) {
  const words = lora.trigger_words.slice(0, 3).join(", ");
  if (outcome === "found") toast("success", t("lora_civitaiFound", { name: lora.title }), [lora.sub || lora.base, words].filter(Boolean).join(" · "));
  else if (outcome === "unknown") toast("info", t("lora_civitaiUnknown", { name: lora.title }), t("lora_civitaiUnknownMore"));
  else toast("error", t("lora_civitaiProblem"), problem);
}

async function agreed(lora) {
  if (setting(AGREED)) return true;
  const yes = await confirm({
    title: t("lora_civitaiTitle"),
    body: [
      el("p", {}, t("lora_civitaiSent")),
      lora.sha256 && el("code", { class: "orl-hash" }, lora.sha256),
      el("p", {}, t("lora_civitaiKept")),
      el("p", { class: "orc-hint" }, t("lora_civitaiOnce")),
    ],
    yes: t("lora_civitaiAsk"),
  });
  if (yes) await Promise.resolve(app.extensionManager?.setting?.set(AGREED, true)).catch(() => {}); // asked again next time
  return yes;
}
