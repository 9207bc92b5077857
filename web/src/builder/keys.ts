// Keys and the clipboard, wherever the focus is but in a field.

import { useEffect } from "react";
import { complain } from "../toasts";
import type { Desk } from "./desk";
import { change, changeWhole, copied, paste, remove } from "./edits";
import { pipelineFrom, type Stage, withTypes } from "./pipeline";
import { needsOf } from "./wiring";

interface Doing {
  fit: () => void;
  save: () => void;
  run: () => void;
}

export function useKeys(desk: Desk, doing: Doing): void {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (document.querySelector("dialog[open]")) return;
      const isCommand = event.ctrlKey || event.metaKey;
      const name = `${isCommand ? "ctrl " : ""}${event.shiftKey && isCommand ? "shift " : ""}${event.key.toLowerCase()}`;
      if (event.altKey || (isTyping(event.target) && !["ctrl s", "ctrl enter"].includes(name))) return;
      const act = actions(desk, doing)[name];
      if (!act || act() === false) return;
      event.preventDefault();
    };
    const onCopy = (event: ClipboardEvent) => {
      if (isTyping(event.target) || !desk.selected.length || !getSelection()?.isCollapsed) return;
      event.clipboardData?.setData("text/plain", JSON.stringify(copied(desk.work.pipeline, desk.selected), null, 2));
      event.preventDefault();
      if (event.type === "cut") erase(desk);
    };
    const onPaste = (event: ClipboardEvent) => {
      if (isTyping(event.target)) return;
      const text = event.clipboardData?.getData("text/plain") ?? "";
      if (!/^\s*[[{]/.test(text)) return;
      event.preventDefault();
      pasteText(desk, text);
    };
    addEventListener("keydown", onKey);
    document.addEventListener("copy", onCopy);
    document.addEventListener("cut", onCopy);
    document.addEventListener("paste", onPaste);
    return () => {
      removeEventListener("keydown", onKey);
      document.removeEventListener("copy", onCopy);
      document.removeEventListener("cut", onCopy);
      document.removeEventListener("paste", onPaste);
    };
  });
}

function actions(desk: Desk, doing: Doing): Record<string, () => boolean | void> {
  const { step, change, select, work } = desk;
  const redo = () => step({ do: "redo" });
  return {
    "ctrl z": () => step({ do: "undo" }),
    "ctrl shift z": redo,
    "ctrl y": redo,
    "ctrl a": () => select(work.pipeline.stages.map((stage) => stage.id)),
    "ctrl d": () => (desk.selected.length ? repeat(desk) : false),
    "ctrl b": () => (desk.selected.length ? skip(desk) : false),
    "ctrl s": doing.save,
    "ctrl enter": doing.run,
    delete: () => erase(desk),
    backspace: () => erase(desk),
    f: doing.fit,
    l: () => change((now) => changeWhole(now, { layout: undefined })),
    escape: () => select([]),
  };
}

function erase(desk: Desk): boolean {
  // A connection that is selected is cut by its own button's action, which the canvas hears of.
  const cut = document.querySelector<HTMLButtonElement>(".b-cut");
  if (cut) {
    cut.click();
    return true;
  }
  if (!desk.selected.length) return false;
  const gone = desk.selected;
  desk.change((now) => remove(now, gone));
  desk.select([]);
  return true;
}

/** Switched off, or on again where all of them are off, as ComfyUI bypasses nodes. */
function skip(desk: Desk): void {
  const picked = desk.work.pipeline.stages.filter(({ id }) => desk.selected.includes(id));
  const enabled = picked.every((stage) => stage.enabled === false) ? undefined : false;
  desk.change((now) => picked.reduce((made, { id }) => change(made, id, { enabled }), now));
}

function repeat(desk: Desk): void {
  place(desk, copied(desk.work.pipeline, desk.selected));
}

function place(desk: Desk, stages: readonly Stage[]): void {
  const made = paste(desk.work.pipeline, stages);
  desk.change(() => made.pipeline);
  desk.select(made.ids);
}

/** Stages that were copied here, or a whole pipeline's file. */
function pasteText(desk: Desk, text: string): void {
  try {
    const { stages } = withTypes(pipelineFrom(JSON.parse(text)), [...desk.kinds.keys()]);
    const needs = needsOf(stages);
    place(desk, stages.map((stage) => ({ ...stage, needs: needs.get(stage.id)! })));
  } catch (reason) {
    complain(`This cannot be pasted. ${(reason as Error).message}`);
  }
}

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) && !/^(checkbox|radio|button)$/.test((target as HTMLInputElement).type));
}
