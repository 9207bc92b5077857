// What a node says of its stage in a line or two.

import type { Stage } from "./pipeline";
import type { StageKind } from "./server";

export function summaryOf(stage: Stage, kind: StageKind | undefined): string {
  const usual = (name: string): unknown => kind?.schema.properties?.[name]?.default;
  const value = (name: string): unknown => stage.options?.[name] ?? usual(name);
  const text = (name: string): string => String(value(name) ?? "").trim();
  switch (stage.type) {
    case "generatePrompt":
      return text("template") || (text("genre") ? `a prompt of ${text("genre")}` : "No template yet");
    case "followStory":
      return text("story") ? `${text("story")}: ${text("action").replaceAll("_", " ")}` : "No story yet";
    case "llmEnhance":
      return joined([text("mode"), text("amount") && `${text("amount")} phrases`, text("style") !== "auto" && text("style")]);
    case "selectLoras":
      return joined([
        text("include") && `with ${text("include")}`,
        `up to ${text("max_loras")}`,
        `strength ${text("total_strength")} in all`,
      ]);
    case "dispatch":
      return joined([
        text("checkpoint") || "the host's model",
        `${text("width")}×${text("height")}`,
        `${text("steps")} steps`,
        `cfg ${text("cfg")}`,
        text("sampler"),
      ]);
    case "scoreImages":
      return joined([value("learn") ? "teaches the odds" : "does not teach", value("whole") && "whole prompt"]);
    default:
      return Object.entries(stage.options ?? {})
        .slice(0, 4)
        .map(([name, one]) => `${name}: ${typeof one === "object" ? JSON.stringify(one) : String(one)}`)
        .join(" · ");
  }
}

const joined = (parts: unknown[]): string => parts.filter((part) => typeof part === "string" && part).join(" · ");

/** Seconds as a person says them. */
export function secondsOf(seconds: number): string {
  if (seconds < 0.0005) return "";
  if (seconds < 1) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
