// The cards of the library: only those that are on the screen exist, and their pages are asked for as they come.

import { t } from "./host.js";
import { baseBadge, brief, makeDraggable, pictureOf } from "./lora_page.js";
import { el } from "./words.js";

const NARROWEST = 97; // px of a card
const GAP = 7;
const TEXT = 60; // px below the picture
const PAGE = 60; // cards that are asked for at once
const BEYOND = 300; // px above and below what is seen, where cards are already there

export class Grid {
  /** ``load(offset, limit)`` gives the server's answer; ``onOpen`` and ``onStar`` get a LoRA, ``onPick`` the picked. */
  constructor({ load, onOpen, onStar, onPick }) {
    Object.assign(this, { load, onOpen, onStar, onPick });
    this.picked = new Map(); // by id, also those that another search does not show
    this.inner = el("div", { class: "orl-cards" });
    this.element = el(
      "div",
      { class: "orl-grid", tabindex: "0", role: "listbox", "aria-label": t("lora_title") },
      this.inner,
    );
    this.clear();
    this.element.addEventListener("scroll", () => this.draw(), { passive: true });
    this.element.addEventListener("keydown", (event) => this.key(event));
    this.element.addEventListener("focus", () => this.mark());
    new ResizeObserver(() => this.lay()).observe(this.element);
  }

  clear() {
    this.total = 0;
    this.at = 0;
    this.pages = new Map();
    this.cards = new Map();
    this.inner.replaceChildren();
  }

  /** Shows an answer's first page, from the top, or where the person was. */
  show(answer, keepPlace) {
    const [top, at] = [this.element.scrollTop, this.at];
    this.clear();
    this.total = answer.total;
    this.pages.set(0, answer.loras);
    this.lay();
    this.element.scrollTop = keepPlace ? top : 0;
    this.at = keepPlace ? Math.min(at, Math.max(0, this.total - 1)) : 0;
    this.draw();
  }

  /** Shows a LoRA anew, after a person said something of it. */
  update(lora) {
    for (const [page, loras] of this.pages) {
      const place = Array.isArray(loras) ? loras.findIndex(({ id }) => id === lora.id) : -1;
      if (place < 0) continue;
      loras[place] = { ...loras[place], ...lora };
      this.remove(page * PAGE + place);
    }
    this.draw();
  }

  lay() {
    const width = this.element.clientWidth - 2 * GAP;
    if (width <= 0) return;
    this.columns = Math.max(1, Math.floor((width + GAP) / (NARROWEST + GAP)));
    this.width = (width - GAP * (this.columns - 1)) / this.columns;
    this.height = Math.round(this.width * 1.15) + TEXT;
    this.inner.style.height = `${Math.ceil(this.total / this.columns) * (this.height + GAP)}px`;
    for (const number of [...this.cards.keys()]) this.remove(number);
    this.draw();
  }

  draw() {
    if (!this.columns || !this.total) return;
    const row = this.height + GAP;
    const first = Math.max(0, Math.floor((this.element.scrollTop - BEYOND) / row)) * this.columns;
    const last = Math.ceil((this.element.scrollTop + this.element.clientHeight + BEYOND) / row) * this.columns;
    const end = Math.min(this.total, last);
    for (const number of [...this.cards.keys()]) if (number < first || number >= end) this.remove(number);
    for (let number = first; number < end; number++) if (!this.cards.has(number)) this.add(number);
    this.mark();
  }

  add(number) {
    const lora = this.loraAt(number);
    const card = lora ? this.card(lora, number) : el("div", { class: "orl-card orl-waiting" });
    const [row, column] = [Math.floor(number / this.columns), number % this.columns];
    Object.assign(card.style, {
      width: `${this.width}px`,
      height: `${this.height}px`,
      transform: `translate(${column * (this.width + GAP)}px, ${row * (this.height + GAP)}px)`,
    });
    this.cards.set(number, card);
    this.inner.append(card);
  }

  remove(number) {
    this.cards.get(number)?.remove();
    this.cards.delete(number);
  }

  /** The LoRA, if its page is here; else the page is asked for. */
  loraAt(number) {
    const page = Math.floor(number / PAGE);
    const loras = this.pages.get(page);
    if (Array.isArray(loras)) return loras[number % PAGE];
    if (!loras) this.pages.set(page, this.fetch(page));
    return null;
  }

  async fetch(page) {
    const pages = this.pages;
    const answer = await this.load(page * PAGE, PAGE).catch(() => null);
    if (pages !== this.pages) return; // another search by now
    if (!answer) return pages.delete(page);
    pages.set(page, answer.loras);
    for (let number = page * PAGE; number < (page + 1) * PAGE; number++) this.remove(number);
    this.draw();
  }

  card(lora, number) {
    const star = el(
      "button",
      {
        type: "button",
        class: "orl-star",
        tabindex: "-1",
        title: t(lora.favourite ? "lora_unstar" : "lora_star"),
        "aria-pressed": String(lora.favourite),
        onclick: (event) => {
          event.stopPropagation();
          this.onStar(lora);
        },
      },
      el("i", { class: `pi ${lora.favourite ? "pi-star-fill" : "pi-star"}` }),
    );
    const card = el(
      "div",
      {
        class: `orl-card orl-${lora.state}${lora.excluded ? " orl-excluded" : ""}`,
        role: "option",
        id: `orl-card-${number}`,
        title: [lora.name, ...alsoIn(lora), ...lora.trigger_words.slice(0, 3).map(brief)].join("\n"),
        onclick: (event) => {
          this.at = number;
          if (event.ctrlKey || event.metaKey || event.shiftKey) this.pick(lora);
          else this.onOpen(lora);
        },
      },
      pictureOf(lora, "small"),
      baseBadge(lora),
      star,
      this.checkMark(lora),
      flagsOf(lora),
      lora.also.length > 0 && el("span", { class: "orl-also", title: alsoIn(lora)[0] }, `+${lora.also.length}`),
      el("b", { dir: "auto" }, lora.title),
      el("small", { dir: "auto" }, groupsOf(lora)),
    );
    card.dataset.id = lora.id;
    card.classList.toggle("orl-is-picked", this.picked.has(lora.id));
    makeDraggable(card, lora);
    return card;
  }

  checkMark(lora) {
    const click = (event) => {
      event.stopPropagation();
      this.pick(lora);
    };
    const attributes = { type: "button", class: "orl-pick", tabindex: "-1", title: t("lora_pick"), "aria-label": t("lora_pick"), "aria-pressed": String(this.picked.has(lora.id)) };
    return el("button", { ...attributes, onclick: click }, el("i", { class: "pi pi-check" }));
  }

  /** Picks a LoRA, or lets it go again. */
  pick(lora) {
    if (!this.picked.delete(lora.id)) this.picked.set(lora.id, lora);
    this.showPicked();
  }

  pickNone() {
    this.picked.clear();
    this.showPicked();
  }

  showPicked() {
    for (const card of this.cards.values()) {
      const isPicked = this.picked.has(card.dataset.id);
      card.classList.toggle("orl-is-picked", isPicked);
      card.querySelector(".orl-pick")?.setAttribute("aria-pressed", String(isPicked));
    }
    this.onPick([...this.picked.values()]);
  }

  mark() {
    for (const [number, card] of this.cards) card.setAttribute("aria-selected", number === this.at);
    this.element.setAttribute("aria-activedescendant", `orl-card-${this.at}`);
  }

  key(event) {
    const rows = Math.max(1, Math.floor(this.element.clientHeight / (this.height + GAP)));
    const steps = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: this.columns,
      ArrowUp: -this.columns,
      PageDown: rows * this.columns,
      PageUp: -rows * this.columns,
      Home: -this.total,
      End: this.total,
    };
    const lora = this.loraAt(this.at);
    if (event.key in steps) this.move(steps[event.key]);
    else if (event.key === "Enter" && lora) this.onOpen(lora);
    else if (event.key === " " && event.shiftKey && lora) this.pick(lora);
    else if (event.key === " " && lora) this.onStar(lora);
    else return;
    event.preventDefault();
    event.stopPropagation(); // ComfyUI has keys of its own
  }

  move(step) {
    this.at = Math.max(0, Math.min(this.total - 1, this.at + step));
    const top = Math.floor(this.at / this.columns) * (this.height + GAP);
    const { scrollTop, clientHeight } = this.element;
    if (top < scrollTop) this.element.scrollTop = top;
    else if (top + this.height > scrollTop + clientHeight) this.element.scrollTop = top + this.height - clientHeight + 2 * GAP;
    this.draw();
  }
}

/** The first group of its trigger words, and how many there are more. */
function groupsOf({ trigger_words: [first = "", ...more] }) {
  return more.length ? `${brief(first)} +${more.length}` : brief(first);
}

/** A line that names the other files of its content; none where there are none. */
function alsoIn({ also }) {
  return also.length ? [t("lora_also", { names: also.join(", ") })] : [];
}

/** A mark for what a person may want to look at; a file that cannot be used says so in full. */
function flagsOf(lora) {
  if (lora.state !== "complete") return el("span", { class: "orl-state" }, t(`lora_state_${lora.state}`));
  if (!lora.missing.length) return null;
  const told = lora.missing.map((kind) => t(`lora_flag_${kind}`)).join("\n");
  return el("span", { class: "orl-flag", title: told }, el("i", { class: "pi pi-exclamation-circle" }));
}
