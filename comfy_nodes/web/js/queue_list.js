// The rows of the queue: only those that are on the screen exist, and their pages are asked for as they come.

import { t } from "./host.js";
import { rowElement, showProgress } from "./queue_row.js";
import { el } from "./words.js";

const ROW = 52; // px
const PAGE = 60; // rows that are asked for at once
const BEYOND = 260; // px above and below what is seen, where rows are already there
const EDGE = 36; // px at the top and the end where a drag scrolls

export class JobList {
  /** ``load(offset, limit)`` gives the server's answer; ``onOpen``, ``onDo`` and ``onMove`` say what a person wants. */
  constructor({ load, onOpen, onDo, onMove, onPick }) {
    Object.assign(this, { load, onOpen, onDo, onMove, onPick });
    this.picked = new Set(); // numbers
    this.inner = el("div", { class: "orj-rows" });
    this.line = el("div", { class: "orj-drop", hidden: true });
    this.element = el(
      "div",
      { class: "orj-list", tabindex: "0", role: "listbox", "aria-multiselectable": "true", "aria-label": t("queue_title"), "aria-describedby": "orj-keys" },
      this.inner,
    );
    this.clear();
    this.element.addEventListener("scroll", () => this.draw(), { passive: true });
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("focus", () => this.mark());
    this.element.addEventListener("dragover", (event) => this.dragOver(event));
    this.element.addEventListener("drop", (event) => this.drop(event));
    this.element.addEventListener("dragleave", (event) => this.element.contains(event.relatedTarget) || this.stopDrag());
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  clear() {
    this.total = 0;
    this.at = 0;
    this.forget();
    this.inner.replaceChildren(this.line);
  }

  /** What is known of the rows is old; they stay on the screen until newer ones come. */
  forget() {
    this.pages = new Map();
    this.rows ??= new Map();
  }

  /** Asks for what is on the screen now. Throws what the server says. */
  async refresh(keepPlace = true) {
    if (!keepPlace) this.element.scrollTop = this.at = 0;
    const first = Math.floor(this.element.scrollTop / ROW / PAGE);
    const asked = (this.asked = {});
    const answer = await this.load(first * PAGE, 2 * PAGE); // what is on the screen may be in two
    if (asked !== this.asked) return null; // somebody asked for another list meanwhile
    this.forget();
    this.total = answer.total;
    for (const page of [0, 1]) this.pages.set(first + page, answer.rows.slice(page * PAGE, (page + 1) * PAGE));
    this.at = Math.max(0, Math.min(this.at, this.total - 1));
    this.inner.style.height = `${this.total * ROW}px`;
    for (const [number, row] of [...this.rows]) if (row.dataset.is !== JSON.stringify(this.jobAt(number))) this.remove(number);
    this.draw();
    return answer;
  }

  draw() {
    const first = Math.max(0, Math.floor((this.element.scrollTop - BEYOND) / ROW));
    const end = Math.min(this.total, Math.ceil((this.element.scrollTop + this.element.clientHeight + BEYOND) / ROW));
    for (const number of [...this.rows.keys()]) if (number < first || number >= end) this.remove(number);
    for (let number = first; number < end; number++) if (!this.rows.has(number)) this.add(number);
    this.mark();
  }

  add(number) {
    const job = this.jobAt(number);
    const row = job ? this.row(job, number) : el("div", { class: "orj-row orj-waiting" });
    row.style.transform = `translateY(${number * ROW}px)`;
    this.rows.set(number, row);
    this.inner.append(row);
  }

  remove(number) {
    this.rows.get(number)?.remove();
    this.rows.delete(number);
  }

  row(job, number) {
    const row = rowElement(job, (deed) => this.onDo(deed, [job.number]));
    row.id = `orj-${job.number}`;
    row.dataset.is = JSON.stringify(job); // what is the same stays on the page as it is
    row.addEventListener("click", (event) => this.clicked(event, job, number));
    row.addEventListener("dblclick", () => this.onOpen(job));
    if (job.state === "waiting") {
      row.draggable = true;
      row.addEventListener("dragstart", (event) => this.startDrag(event, job, number));
      row.addEventListener("dragend", () => this.stopDrag());
    }
    return row;
  }

  /** The job, if its page is here; else the page is asked for. */
  jobAt(number) {
    const page = Math.floor(number / PAGE);
    const rows = this.pages.get(page);
    if (Array.isArray(rows)) return rows[number % PAGE];
    if (!rows) this.pages.set(page, this.fetch(page));
    return null;
  }

  async fetch(page) {
    const pages = this.pages;
    const answer = await this.load(page * PAGE, PAGE).catch(() => null);
    if (pages !== this.pages) return; // newer ones by now
    if (!answer) return pages.delete(page);
    pages.set(page, answer.rows);
    for (let number = page * PAGE; number < (page + 1) * PAGE; number++) this.remove(number);
    this.draw();
  }

  /** How far those are that run. */
  progress(running) {
    for (const job of running) {
      const row = this.inner.querySelector(`#orj-${job.number}`);
      if (row) showProgress(row, job);
    }
  }

  mark() {
    const at = this.jobAt(this.at);
    for (const [number, row] of this.rows) {
      const job = this.jobAt(number);
      row.classList.toggle("orj-at", number === this.at);
      row.setAttribute("aria-selected", String(Boolean(job) && this.picked.has(job.number)));
    }
    if (at) this.element.setAttribute("aria-activedescendant", `orj-${at.number}`);
    else this.element.removeAttribute("aria-activedescendant");
  }

  // picking

  /** What a deed is meant for: what is picked, or the row at hand. */
  meant() {
    const job = this.jobAt(this.at);
    if (this.picked.size && (!job || this.picked.has(job.number))) return [...this.picked];
    return job ? [job.number] : [];
  }

  pick(numbers) {
    this.picked = new Set(numbers);
    this.onPick([...this.picked]);
    this.mark();
  }

  clicked(event, job, number) {
    if (event.target.closest("button")) return;
    const before = this.at;
    this.at = number;
    if (event.shiftKey) this.pick([...this.picked, ...this.between(before, number)]);
    else if (event.ctrlKey || event.metaKey) this.toggle(job);
    else if (this.picked.size) this.pick([]);
    else this.onOpen(job);
    this.mark();
  }

  toggle(job) {
    const picked = new Set(this.picked);
    if (!picked.delete(job.number)) picked.add(job.number);
    this.pick(picked);
  }

  between(one, other) {
    const [first, last] = [Math.min(one, other), Math.max(one, other)];
    return Array.from({ length: last - first + 1 }, (_, step) => this.jobAt(first + step)?.number).filter(Boolean);
  }

  // keys

  key(event) {
    event.stopPropagation(); // ComfyUI has keys of its own
    const job = this.jobAt(this.at);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: this.screen(), PageUp: -this.screen(), Home: -this.total, End: this.total };
    if (event.altKey && ["ArrowUp", "ArrowDown", "Home", "End"].includes(event.key)) job && this.moveByKey(event.key, job);
    else if (event.key in steps) this.step(steps[event.key], event.shiftKey);
    else if (event.key === "Enter") job && this.onOpen(job);
    else if (event.key === " ") job && this.toggle(job);
    else if (event.key === "Delete") this.onDo("cancel", this.meant());
    else if (event.key === "Escape" && this.picked.size) this.pick([]);
    else return;
    event.preventDefault();
  }

  screen() {
    return Math.max(1, Math.floor(this.element.clientHeight / ROW) - 1);
  }

  step(by, isPicking) {
    const before = this.at;
    this.at = Math.max(0, Math.min(this.total - 1, this.at + by));
    if (isPicking) this.pick([...this.picked, ...this.between(before, this.at)]);
    this.reveal();
    this.draw();
  }

  reveal() {
    const [top, height] = [this.at * ROW, this.element.clientHeight];
    if (top < this.element.scrollTop) this.element.scrollTop = top;
    else if (top + ROW > this.element.scrollTop + height) this.element.scrollTop = top + ROW - height;
  }

  async moveByKey(key, job) {
    if (job.state !== "waiting") return;
    const above = this.jobAt(this.at - 1);
    const below = this.jobAt(this.at + 1);
    const next = this.jobAt(this.at + 2);
    if (key === "Home") await this.onMove("top", [job.number]);
    else if (key === "End") await this.onMove("end", [job.number]);
    else if (key === "ArrowUp" && above?.state === "waiting") await this.moved(-1, above.number, job);
    else if (key === "ArrowDown" && below?.state === "waiting") await this.moved(1, next?.state === "waiting" ? next.number : null, job);
  }

  async moved(by, before, job) {
    this.at += by;
    this.reveal();
    await this.onMove(before === null ? "end" : before, [job.number]);
  }

  // dragging

  startDrag(event, job, number) {
    this.at = number;
    this.dragged = this.picked.has(job.number) ? [...this.picked] : [job.number];
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", t("queue_jobs", { count: this.dragged.length }));
    this.mark();
  }

  /** Before which row the mouse is; rows that do not wait have no place in the order. */
  target(event) {
    const y = event.clientY - this.element.getBoundingClientRect().top + this.element.scrollTop;
    let number = Math.max(0, Math.min(this.total, Math.round(y / ROW)));
    while (number < this.total && this.jobAt(number)?.state === "running") number++;
    while (number > 0 && this.jobAt(number - 1)?.state === "held") number--;
    return number;
  }

  dragOver(event) {
    if (!this.dragged) return;
    event.preventDefault();
    const { top, bottom } = this.element.getBoundingClientRect();
    if (event.clientY < top + EDGE) this.element.scrollTop -= ROW / 2;
    else if (event.clientY > bottom - EDGE) this.element.scrollTop += ROW / 2;
    this.line.hidden = false;
    this.line.style.transform = `translateY(${this.target(event) * ROW - 1}px)`;
  }

  drop(event) {
    if (!this.dragged) return;
    event.preventDefault();
    event.stopPropagation(); // the canvas takes what is dropped, too
    const [dragged, place] = [this.dragged, this.target(event)];
    const before = this.jobAt(place);
    this.stopDrag();
    if (before && dragged.includes(before.number)) return;
    this.onMove(before?.state === "waiting" ? before.number : "end", dragged);
  }

  stopDrag() {
    this.dragged = null;
    this.line.hidden = true;
  }
}
