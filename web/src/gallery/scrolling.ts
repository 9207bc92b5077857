// How TanStack Virtual learns of scrolling here: as long as the grid flies by so fast that nothing on it can be seen,
// it learns of nothing. A pattern of empty cells, drawn by the browser alone, passes instead (data-flying, gallery.css);
// rows and pictures come when it slows down. So the fastest scrolling costs the page next to no script.

import type { Virtualizer } from "@tanstack/react-virtual";
import { startTransition } from "react";

const FAST = 4; // pixels a millisecond
const LOOK = 100; // ms between two looks in flight
const LANDED = 140; // ms without a fast step

type Observed = Virtualizer<HTMLDivElement, Element>;

/** For `observeElementOffset`. `onTop` hears of every step, `onLand` of each end of a flight. */
export function observeScrolling(onTop: (top: number) => void, onLand: () => void) {
  return (instance: Observed, tell: (offset: number, isScrolling: boolean) => void): (() => void) | undefined => {
    const element = instance.scrollElement;
    if (!element) return undefined;
    let top = element.scrollTop;
    let time = 0; // when top was read
    let last = 0; // the step before
    let timer = 0;
    let isFlying = false;
    const read = (now: number): void => {
      top = element.scrollTop;
      time = now;
      onTop(top);
    };
    const land = () => {
      clearTimeout(timer);
      isFlying = false;
      delete element.dataset.flying;
      read(performance.now());
      startTransition(() => {
        onLand();
        tell(top, false);
      });
    };
    const fly = () => {
      if (!isFlying) element.dataset.flying = "";
      isFlying = true;
      clearTimeout(timer);
      timer = window.setTimeout(land, LANDED);
    };
    const scrolled = () => {
      const now = performance.now();
      const pause = now - last;
      last = now;
      // Reading where it is makes the browser lay out what changed: in flight that is done ten times a second.
      if (isFlying && now - time < LOOK) return fly();
      const before = top;
      const since = now - time;
      read(now);
      const speed = Math.abs(top - before) / Math.max(since, 8);
      // One jump (End, a click on the bar) is no flight: it is followed at once.
      if (speed > FAST && pause < 60) fly();
      else if (!isFlying) tell(top, false);
      else if (speed > FAST) fly();
      else land();
    };
    tell(top, false);
    element.addEventListener("scroll", scrolled, { passive: true });
    return () => {
      clearTimeout(timer);
      element.removeEventListener("scroll", scrolled);
    };
  };
}
