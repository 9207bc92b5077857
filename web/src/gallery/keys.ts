// The keyboard of the page. The last one who listens is asked first: what is open on top has the keys.

import { useEffect, useRef } from "react";

type Listener = (key: string, event: KeyboardEvent) => boolean | undefined;

const listeners: { current: Listener }[] = [];

function pressed(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  const target = event.target as HTMLElement;
  const isText = /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName) || target.isContentEditable;
  if (isText) return;
  // A button that has the focus takes Enter and Space for itself.
  if ((event.key === "Enter" || event.key === " ") && /^(BUTTON|A|SUMMARY)$/.test(target.tagName)) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (listeners.at(-1)?.current(key, event)) event.preventDefault();
}

export function useKeys(listener: Listener): void {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => {
    if (!listeners.length) addEventListener("keydown", pressed);
    listeners.push(latest);
    return () => {
      listeners.splice(listeners.indexOf(latest), 1);
      if (!listeners.length) removeEventListener("keydown", pressed);
    };
  }, []);
}
