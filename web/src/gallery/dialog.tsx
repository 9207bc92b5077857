// What lies over the page: keeps the focus in it, gives it back afterwards; the browser's Back and Esc close it.

import { type KeyboardEvent, type ReactNode, useEffect, useRef } from "react";

interface Open {
  close: () => void;
  isBack: boolean;
}

// Each open dialog has a step in the history, so that Back, on a phone above all, closes the topmost and does not leave
// the page. A dialog that is closed otherwise takes its step away itself, and that is nobody's Back.
const stack: Open[] = [];
let own = 0;
let leaving = 0;
let isListening = false;

function wentBack(): void {
  if (own > 0) {
    own--;
    return;
  }
  const top = stack.at(-1);
  if (!top) return;
  top.isBack = true;
  top.close();
}

function enter(dialog: Open): () => void {
  if (!isListening) addEventListener("popstate", wentBack);
  isListening = true;
  stack.push(dialog);
  // One that opens as another closes takes over its step: a step back and one forward at once confuse browsers.
  if (leaving) clearTimeout(leaving);
  else history.pushState({ dialog: true }, "");
  leaving = 0;
  return () => {
    stack.splice(stack.indexOf(dialog), 1);
    if (!dialog.isBack && hasStep()) leaving = window.setTimeout(stepBack);
  };
}

function stepBack(): void {
  leaving = 0;
  if (!hasStep()) return;
  own++;
  history.back();
}

const hasStep = (): boolean => (history.state as { dialog?: boolean } | null)?.dialog === true;

export function Dialog({ label, className, onClose, children }: { label: string; className: string; onClose: () => void; children: ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  const latest = useRef(onClose);
  latest.current = onClose;

  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    if (!box.current!.contains(before)) box.current!.focus();
    const leave = enter({ close: () => latest.current(), isBack: false });
    return () => {
      leave();
      before?.focus({ preventScroll: true });
    };
  }, []);

  function keepFocus(event: KeyboardEvent) {
    if (event.key !== "Tab") return;
    const all = box.current!.querySelectorAll<HTMLElement>("button:not(:disabled), a[href], input, select, summary, [tabindex='0']");
    const [first, last] = [all[0], all[all.length - 1]];
    if (event.shiftKey ? document.activeElement === first || document.activeElement === box.current : document.activeElement === last) {
      event.preventDefault();
      (event.shiftKey ? last : first)?.focus();
    }
  }

  return (
    <div ref={box} className={`dialog ${className}`} role="dialog" aria-modal="true" aria-label={label} tabIndex={-1} onKeyDown={keepFocus}>
      {children}
    </div>
  );
}
