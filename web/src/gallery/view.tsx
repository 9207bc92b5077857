// The gallery: search, facets, grid; what is open over it; its keys.

import { lazy, Suspense, useCallback, useEffect, useRef, useState } from "react";
import { remember, remembered } from "../remembered";
import { go, hrefOf, useRoute } from "../route";
import { useSignal } from "../signal";
import { complain, say } from "../toasts";
import { messageOf } from "../api";
import { BulkBar } from "./bulk_bar";
import { Conflicts } from "./conflicts";
import { Empty } from "./empty";
import { Facets } from "./facets";
import { Grid, type GridHandle } from "./grid";
import { useKeys } from "./keys";
import { live } from "./live";
import { announcement, markKey, resumeMarks, waiting } from "./marks";
import { SORTS, sortOf, withSort } from "./query";
import { SearchBox } from "./search_box";
import { added, NONE, span, toggled } from "./selection";
import { useListing } from "./use_listing";

// What is opened over the grid comes behind what the first view needs, and is there before it is asked for.
const over = () => import("./over");
const Lightbox = lazy(() => over().then(({ Lightbox }) => ({ default: Lightbox })));
const Compare = lazy(() => over().then(({ Compare }) => ({ default: Compare })));
const Help = lazy(() => over().then(({ Help }) => ({ default: Help })));

const MOST_CHOSEN = 10_000;
const QUIET = 8000; // ms without a key, after which new images come in by themselves again
const SIZES = { least: 90, most: 420, usual: 190 };

export function GalleryView() {
  const query = useRoute().params.get("q") ?? "";
  const isStill = useRef((): boolean => true);
  const { listing, total, shape, fresh, refresh, problem, setAway, idsOf } = useListing(query, isStill);
  const [current, setCurrent] = useState(0);
  const [selection, setSelection] = useState(NONE);
  const [open, setOpen] = useState<number | null>(null);
  const [compared, setCompared] = useState<number[] | null>(null);
  const [isHelp, setHelp] = useState(false);
  const [size, setSize] = useState(() => remembered("size", innerWidth < 640 ? 110 : SIZES.usual));
  const [isFacets, setFacets] = useState(() => innerWidth > 900 && remembered("facets", true));
  const lastKey = useRef(-QUIET);
  isStill.current = () =>
    current === 0 && open === null && !compared && !selection.ids.size && performance.now() - lastKey.current > QUIET;
  const grid = useRef<GridHandle>(null);
  const search = useRef<HTMLInputElement>(null);
  useEffect(() => {
    resumeMarks();
    const timer = setTimeout(() => void over(), 1500);
    return () => clearTimeout(timer);
  }, []);

  const setQuery = useCallback((text: string, replace = false) => go(hrefOf("", [], { q: text }), replace), []);
  useEffect(() => {
    setCurrent(0);
    setSelection(NONE);
    grid.current?.scrollToTop();
  }, [query]);

  const showFacets = (on: boolean) => {
    setFacets(on);
    if (innerWidth > 900) remember("facets", on);
  };
  const change = useCallback((next: number) => {
    setSize(next);
    remember("size", next);
  }, []);

  const choose = (first: number, last: number) =>
    idsOf(first, Math.min(last, first + MOST_CHOSEN - 1)).then(
      (ids) => setSelection((before) => added(before, ids)),
      (reason: unknown) => complain(messageOf(reason)),
    );
  function pick(index: number, how: "toggle" | "range") {
    const id = listing.idAt(index);
    if (how === "range" && selection.anchor !== null) void choose(...span(selection, index));
    else if (id !== undefined) setSelection(toggled(selection, id, index));
  }
  function chooseAll() {
    if (listing.length > MOST_CHOSEN) say(`The first ${MOST_CHOSEN.toLocaleString()} are chosen.`);
    void choose(0, listing.length - 1);
  }
  const compare = (ids: number[]) => {
    if (ids.length < 2 || ids.length > 4) say("Choose 2 to 4 images to compare.");
    else setCompared(ids);
  };
  // Asked when a key is pressed: the listing fills without this view being drawn again.
  const at = (...indices: number[]) => indices.map((index) => listing.idAt(index)).filter((id) => id !== undefined);
  const meant = () => (selection.ids.size ? [...selection.ids] : at(current));

  function move(to: number, isRange: boolean) {
    const next = Math.max(0, Math.min(listing.length - 1, to));
    if (isRange) {
      const anchor = selection.anchor ?? current;
      setSelection({ ids: selection.ids, anchor });
      void choose(...span({ ids: selection.ids, anchor }, next));
    }
    setCurrent(next);
  }

  useKeys((key, event) => {
    lastKey.current = performance.now();
    if (key === "/") search.current?.focus();
    else if (key === "?") setHelp(true);
    else if (key === "Escape" && selection.ids.size) setSelection(NONE);
    else if (event.ctrlKey || event.metaKey) {
      if (key === "a") chooseAll();
      else return markKey(key, event, meant());
    } else if (movement(key) !== undefined) move(current + movement(key)!, event.shiftKey);
    else if (key === "Home") move(0, event.shiftKey);
    else if (key === "End") move(listing.length - 1, event.shiftKey);
    else if ((key === "Enter" || key === " ") && listing.length) setOpen(current);
    else if (key === "a") chooseAll();
    else if (key === "s") pick(current, "toggle");
    else if (key === "c") compare(selection.ids.size ? [...selection.ids] : at(current, current + 1));
    else if (key === "+" || key === "=") change(Math.min(SIZES.most, size + 30));
    else if (key === "-") change(Math.max(SIZES.least, size - 30));
    else return markKey(key, event, meant(), () => move(current + 1, false));
    return true;
  });
  function movement(key: string): number | undefined {
    const columns = grid.current?.columns() ?? 1;
    const page = columns * (grid.current?.rowsInView() ?? 1);
    return { ArrowRight: 1, l: 1, ArrowLeft: -1, h: -1, ArrowDown: columns, j: columns, ArrowUp: -columns, k: -columns, PageDown: page, PageUp: -page }[key];
  }

  const queryProblem = problem && !problem.isOffline && problem.status < 500 ? problem.message : "";
  const isEmpty = total === 0;
  return (
    <div className="gallery">
      <div className="bar">
        <button className="button quiet" aria-expanded={isFacets} onClick={() => showFacets(!isFacets)} title="Narrow the search">
          Filter
        </button>
        <SearchBox ref={search} query={query} problem={queryProblem} onQuery={setQuery} onLeave={() => grid.current?.focus()} />
        <Offline />
        <span className="total dim">{total === undefined ? "" : `${total.toLocaleString()} image${total === 1 ? "" : "s"}`}</span>
        <select className="button quiet sort" aria-label="Order" value={sortOf(query)} onChange={(event) => setQuery(withSort(query, event.target.value))}>
          {SORTS.map(({ value, title }) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))}
        </select>
        <input className="size" type="range" aria-label="Size of thumbnails" title="Size (+ and -)" min={SIZES.least} max={SIZES.most} value={size} onChange={(event) => change(Number(event.target.value))} />
        <button className="button quiet icon keys" aria-label="Keys (?)" title="Keys (?)" onClick={() => setHelp(true)}>
          ⌨
        </button>
      </div>
      <div className="below">
        {isFacets && <Facets query={query} onQuery={setQuery} onClose={() => showFacets(false)} />}
        <div className="found">
          {fresh > 0 && (
            <button
              className="button primary fresh"
              onClick={() => {
                grid.current?.scrollToTop();
                setCurrent(0);
                setAway(false);
                refresh();
              }}
            >
              ↑ {fresh.toLocaleString()} new
            </button>
          )}
          {isEmpty || (problem && !listing.idAt(0)) ? (
            <Empty query={query} problem={problem} isTold={queryProblem !== ""} onClear={() => setQuery("")} />
          ) : (
            <Grid ref={grid} sequence={listing} size={size} shape={shape} current={current} selected={selection.ids} onOpen={setOpen} onPick={pick} onCurrent={setCurrent} onScrolled={setAway} />
          )}
        </div>
      </div>
      {selection.ids.size > 0 && <BulkBar ids={[...selection.ids]} onClear={() => setSelection(NONE)} onCompare={() => compare([...selection.ids])} />}
      <Suspense>
        {open !== null && !compared && (
          <Lightbox
            sequence={listing}
            index={open}
            onIndex={(index) => {
              setOpen(index);
              setCurrent(index);
            }}
            onClose={() => {
              setOpen(null);
              grid.current?.focus();
            }}
            onCompare={compare}
            onSearch={(text) => {
              setQuery(text, true); // in the place of the lightbox, so that Back leads to what was searched before
              setOpen(null);
            }}
          />
        )}
        {compared && <Compare ids={compared} onClose={() => setCompared(null)} />}
        {isHelp && <Help onClose={() => setHelp(false)} />}
      </Suspense>
      <Conflicts />
      <Announcement />
    </div>
  );
}

function Offline() {
  const isOnline = useSignal(live.isOnline);
  const marks = useSignal(waiting);
  if (isOnline && !marks) return null;
  return (
    <span className="offline" role="status">
      Offline{marks > 0 && `: ${marks === 1 ? "a mark waits" : `${marks} marks wait`}`}
    </span>
  );
}

function Announcement() {
  return (
    <p className="unseen" aria-live="polite">
      {useSignal(announcement)}
    </p>
  );
}
