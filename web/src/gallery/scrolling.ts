// How TanStack Virtual learns of scrolling here: as long as the grid flies by so fast that nothing on it can be seen,
// it learns of nothing. A pattern of empty cells, drawn by the browser alone, passes instead (data-flying, gallery.css);
// rows and pictures come when it slows down. So the fastest scrolling costs the page next to no script.

import type { Virtualizer } from "@tanstack/react-virtual";
import { startTransition } from "react";

const FAST = 4; // pixels a millisecond
const LANDED = 140; // ms without a fast step

type Observed = Virtualizer<HTMLDivElement, Element>;

/** For `observeElementOffset`. `onTop` hears of every step, `onLand` of each end of a flight. */
export function observeScrolling(onTop: (top: number) => void, onLand: () => void) {
  return (instance: Observed, tell: (offset: number, isScrolling: boolean) => void): (() => void) | undefined => {
    const element = instance.scrollElement;
    if (!element) return undefined;
    let top = element.scrollTop;
    let time = 0;
    let timer = 0;
    let isFlying = false;
    const land = () => {
      isFlying = false;
      delete element.dataset.flying;
      startTransition(() => {
        onLand();
        tell(top, false);
      });
    };
    const scrolled = () => {
      const now = performance.now();
      const before = top;
      top = element.scrollTop;
      const pause = now - time;
      time = now;
      onTop(top);
      // One jump (End, a click on the bar) is no flight: it is followed at once.
      const isFast = pause < 60 && Math.abs(top - before) > FAST * Math.max(pause, 8);
      if (isFast && !isFlying) element.dataset.flying = "";
      isFlying ||= isFast;
      if (!isFlying) return tell(top, false);
      if (!isFast && pause < 60) {
        clearTimeout(timer);
        return land();
      }
      clearTimeout(timer);
      timer = window.setTimeout(land, LANDED);
    };
    tell(top, false);
    element.addEventListener("scroll", scrolled, { passive: true });
    return () => {
      clearTimeout(timer);
      element.removeEventListener("scroll", scrolled);
    };
  };
}
