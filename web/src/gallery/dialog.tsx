// What lies over the page: keeps the focus in it, gives it back afterwards; the browser's Back and Esc close it.

import { type ReactNode, useEffect, useRef } from "react";

export function Dialog({ label, className, onClose, children }: { label: string; className: string; onClose: () => void; children: ReactNode }) {
  const box = useRef<HTMLDivElement>(null);
  const latest = useRef(onClose);
  latest.current = onClose;

  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    if (!box.current!.contains(before)) box.current!.focus();
    // Back, on a phone above all, closes what is open instead of leaving the page.
    history.pushState({ dialog: true }, "");
    let isBack = false;
    const back = () => {
      isBack = true;
      latest.current();
    };
    addEventListener("popstate", back);
    return () => {
      removeEventListener("popstate", back);
      if (!isBack && (history.state as { dialog?: boolean } | null)?.dialog) history.back();
      before?.focus({ preventScroll: true });
    };
  }, []);

  function keepFocus(event: React.KeyboardEvent) {
    if (event.key !== "Tab") return;
    const all = box.current!.querySelectorAll<HTMLElement>("button:not(:disabled), a[href], input, select, [tabindex='0']");
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
