// The virtual grid. A listbox that keeps the focus itself and names the current image (aria-activedescendant), so that
// the focus outlives cells that scroll away.

import { useVirtualizer } from "@tanstack/react-virtual";
import { type CSSProperties, memo, type MouseEvent, type Ref, startTransition, useEffect, useImperativeHandle, useLayoutEffect, useMemo, useRef, useState } from "react";
import { Cell } from "./cell";
import type { Sequence } from "./listing";
import { observeScrolling } from "./scrolling";

const GAP = 6;

export interface GridHandle {
  columns(): number;
  rowsInView(): number;
  focus(): void;
  scrollToTop(): void;
}

export interface GridProps {
  ref?: Ref<GridHandle>;
  sequence: Sequence;
  size: number;
  shape: number;
  current: number;
  selected: ReadonlySet<number>;
  onOpen: (index: number) => void;
  onPick: (index: number, how: "toggle" | "range") => void;
  onCurrent: (index: number) => void;
  onScrolled: (isAway: boolean) => void;
}

export function Grid({ ref, sequence, size, shape, current, selected, onOpen, onPick, onCurrent, onScrolled }: GridProps) {
  const box = useRef<HTMLDivElement>(null);
  useLoaded(sequence);
  const width = useWidth(box);
  const total = sequence.length;
  // Two at least: a single column of 100,000 images would be higher than browsers can scroll.
  const columns = Math.max(2, Math.floor((width + GAP) / (size + GAP)));
  const cellWidth = Math.floor((width - GAP * (columns - 1)) / columns);
  const height = Math.round(cellWidth / shape) + GAP;
  const rows = Math.ceil(total / columns);
  const isAway = useRef(false);
  const onTop = useRef((_: number) => {});
  onTop.current = (top) => {
    if (top > height !== isAway.current) onScrolled((isAway.current = top > height));
  };
  // Sixty cells at once are many for a slow machine: after a flight two rows come, then two more.
  const [shown, setShown] = useState(Infinity);
  const observeElementOffset = useMemo(() => observeScrolling((top) => onTop.current(top), () => setShown(2)), []);

  const virtual = useVirtualizer({
    count: rows,
    getScrollElement: () => box.current,
    estimateSize: () => height,
    overscan: 1,
    observeElementOffset,
    useFlushSync: false,
  });
  useLayoutEffect(() => virtual.measure(), [virtual, height]);
  const items = virtual.getVirtualItems();
  useEffect(() => {
    if (shown < items.length) startTransition(() => setShown(shown + 2));
  }, [shown, items.length]);
  const first = (items[0]?.index ?? 0) * columns;
  const last = ((items.at(-1)?.index ?? 0) + 1) * columns - 1;
  useEffect(() => {
    sequence.need(first, last);
  }, [sequence, first, last, total]);

  const wasAt = useRef(current);
  useEffect(() => {
    if (wasAt.current !== current) virtual.scrollToIndex(Math.floor(current / columns), { align: "auto" });
    wasAt.current = current;
  }, [current, columns, virtual]);

  useImperativeHandle(ref, () => ({
    columns: () => columns,
    rowsInView: () => Math.max(1, Math.floor((box.current?.clientHeight ?? height) / height)),
    focus: () => box.current?.focus({ preventScroll: true }),
    scrollToTop: () => box.current?.scrollTo({ top: 0 }),
  }));
  const touch = useLongPress((index) => onPick(index, "toggle"));

  function click(event: MouseEvent) {
    const cell = (event.target as Element).closest<HTMLElement>("[data-i]");
    if (!cell || touch.wasLong()) return;
    const index = Number(cell.dataset.i);
    onCurrent(index);
    const corner = cell.getBoundingClientRect();
    const isCorner = event.clientX - corner.left < 40 && event.clientY - corner.top < 40;
    if (event.shiftKey) onPick(index, "range");
    else if (event.ctrlKey || event.metaKey || isCorner || selected.size) onPick(index, "toggle");
    else onOpen(index);
  }

  return (
    <div
      ref={box}
      className="grid"
      role="listbox"
      aria-label="Images"
      aria-multiselectable="true"
      tabIndex={0}
      aria-activedescendant={current >= first && current <= last && current < total ? `cell-${current}` : undefined}
      data-picking={selected.size > 0 || undefined}
      onClick={click}
      {...touch.handlers}
    >
      <div role="presentation" className="rows" style={{ height: virtual.getTotalSize(), ...patternOf(cellWidth, height) }}>
        {items.slice(0, shown).map((row) => (
          <Row
            key={row.index}
            top={row.start}
            height={height - GAP}
            cellWidth={cellWidth}
            columns={columns}
            start={row.index * columns}
            total={total}
            ids={idsOf(sequence, row.index * columns, columns)}
            current={current >= row.index * columns && current < (row.index + 1) * columns ? current : -1}
            selected={selected}
          />
        ))}
      </div>
    </div>
  );
}

/** What passes while it flies: tiles of one cell and its gap. */
function patternOf(width: number, height: number): CSSProperties {
  return {
    "--tile": `${width + GAP}px ${height}px`,
    "--across": `linear-gradient(90deg, var(--cell) ${width}px, transparent 0)`,
    "--down": `linear-gradient(transparent ${height - GAP}px, var(--bg) 0)`,
  } as CSSProperties;
}

interface RowProps {
  top: number;
  height: number;
  cellWidth: number;
  columns: number;
  start: number;
  total: number;
  /** With commas between, so that a row whose images are the same is not drawn again. */
  ids: string;
  current: number;
  selected: ReadonlySet<number>;
}

const Row = memo(function Row({ top, height, cellWidth, columns, start, total, ids, current, selected }: RowProps) {
  const known = ids.split(",");
  const cells = [];
  for (let index = start; index < Math.min(start + columns, total); index++) {
    const id = Number(known[index - start]) || undefined;
    cells.push(
      <Cell
        key={index}
        index={index}
        id={id}
        total={total}
        isCurrent={index === current}
        isSelected={id !== undefined && selected.has(id)}
      />,
    );
  }
  return (
    <div role="presentation" className="row" style={{ transform: `translateY(${top}px)`, height, gridTemplateColumns: `repeat(${columns}, ${cellWidth}px)` }}>
      {cells}
    </div>
  );
});

function idsOf(sequence: Sequence, start: number, columns: number): string {
  let ids = "";
  for (let index = start; index < start + columns; index++) ids += `${sequence.idAt(index) ?? ""},`;
  return ids;
}

/** Draws again when images have come: in slices, between which the browser scrolls on. */
function useLoaded(sequence: Sequence): void {
  const [, setVersion] = useState(0);
  useLayoutEffect(() => {
    const loaded = () => setVersion(sequence.version());
    loaded();
    return sequence.subscribe(() => startTransition(loaded));
  }, [sequence]);
}

function useWidth(box: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = box.current!;
    const measure = () => {
      const style = getComputedStyle(element);
      setWidth(element.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, [box]);
  return width;
}

/** A finger that rests on a cell chooses it, as on phones everywhere. */
function useLongPress(pressed: (index: number) => void) {
  const state = useRef({ timer: 0, wasLong: false });
  const latest = useRef(pressed);
  latest.current = pressed;
  return useMemo(() => {
    const stop = () => clearTimeout(state.current.timer);
    return {
      wasLong: () => {
        const { wasLong } = state.current;
        state.current.wasLong = false;
        return wasLong;
      },
      handlers: {
        onPointerDown: (event: { pointerType: string; target: EventTarget }) => {
          state.current.wasLong = false;
          if (event.pointerType !== "touch") return;
          const cell = (event.target as Element).closest<HTMLElement>("[data-i]");
          if (!cell) return;
          stop();
          state.current.timer = window.setTimeout(() => {
            state.current.wasLong = true;
            latest.current(Number(cell.dataset.i));
          }, 450);
        },
        onPointerUp: stop,
        onPointerCancel: stop,
        onPointerMove: (event: { movementX: number; movementY: number }) => {
          if (Math.abs(event.movementX) + Math.abs(event.movementY) > 6) stop();
        },
        onContextMenu: (event: { preventDefault: () => void }) => {
          if (state.current.wasLong) event.preventDefault();
        },
      },
    };
  }, []);
}
