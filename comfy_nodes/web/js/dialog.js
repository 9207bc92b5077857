// Dialogs: a question, fields to fill in, and a list to choose from with a search box (arrows, Enter, Esc, the mouse).

import { t } from "./host.js";
import { el } from "./words.js";

const WAIT = 120; // ms after a key, before the list is asked for again

/**
 * Lets a person choose one of what ``list(search)`` gives: ``{items, note}`` or a promise of it. An item is
 * ``{label, detail, more}``; the chosen one is returned, or null.
 */
export function choose({ title, placeholder, list, empty }) {
  return new Promise((resolve) => new Chooser(title, placeholder, list, empty, resolve).open());
}

class Chooser {
  constructor(title, placeholder, list, empty, resolve) {
    Object.assign(this, { list, empty, resolve, items: [], at: 0, asked: 0 });
    this.input = el("input", { type: "text", placeholder, spellcheck: "false", "aria-label": placeholder });
    this.rows = el("ul", { class: "orc-list", role: "listbox" });
    this.note = el("footer");
    this.dialog = el(
      "dialog",
      { class: "orc-dialog", "aria-label": title },
      el("h2", {}, title),
      this.input,
      this.rows,
      this.note,
    );
  }

  open() {
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    for (const name of ["keyup", "paste", "copy", "cut"])
      this.dialog.addEventListener(name, (event) => event.stopPropagation());
    this.dialog.addEventListener("pointerdown", (event) => event.target === this.dialog && this.close(null));
    this.dialog.addEventListener("close", () => this.close(null));
    this.input.addEventListener("input", () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.search(), WAIT);
    });
    document.body.append(this.dialog);
    this.dialog.showModal();
    this.search();
  }

  async search() {
    const asked = ++this.asked;
    const found = await Promise.resolve(this.list(this.input.value)).catch((error) => ({
      items: [],
      note: error.message,
    }));
    if (asked !== this.asked) return;
    this.items = found.items;
    this.note.textContent = found.items.length ? (found.note ?? "") : found.note || this.empty;
    this.rows.replaceChildren(...found.items.map((item, number) => this.row(item, number)));
    this.move(0);
  }

  row(item, number) {
    const row = el(
      "li",
      { role: "option" },
      el("b", {}, item.label),
      el("small", {}, item.detail ?? ""),
      item.more && el("p", {}, item.more),
    );
    row.addEventListener("pointermove", () => this.move(number));
    row.addEventListener("click", () => this.close(item));
    return row;
  }

  move(to) {
    this.at = Math.max(0, Math.min(to, this.items.length - 1));
    [...this.rows.children].forEach((row, number) => row.setAttribute("aria-selected", number === this.at));
    this.rows.children[this.at]?.scrollIntoView({ block: "nearest" });
  }

  key(event) {
    event.stopPropagation(); // ComfyUI has keys of its own
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 };
    if (event.key in steps) this.move(this.at + steps[event.key]);
    else if (event.key === "Enter" && !event.isComposing) this.items.length && this.close(this.items[this.at]);
    else if (event.key === "Escape") this.close(null);
    else return;
    event.preventDefault();
  }

  close(item) {
    clearTimeout(this.timer);
    this.dialog.remove();
    this.resolve(item);
  }
}

/** A title, what a person reads or fills in, and buttons behind "Cancel". */
export class Dialog {
  constructor(title, kind, body, buttons) {
    const cancel = el("button", { type: "button", onclick: () => this.close(null) }, t("shareCancel"));
    this.element = el(
      "dialog",
      { class: `orc-dialog orl-dialog ${kind}`, "aria-label": title },
      el("h2", {}, title),
      el("div", { class: "orl-dialog-body" }, ...body.filter(Boolean)),
      el("div", { class: "orl-dialog-buttons" }, cancel, ...buttons),
    );
  }

  /** What ``close`` is called with; null for Esc and "Cancel". */
  open(first) {
    for (const name of ["keydown", "keyup", "paste", "copy", "cut"])
      this.element.addEventListener(name, (event) => event.stopPropagation()); // ComfyUI has keys of its own
    this.element.addEventListener("close", () => this.close(null));
    document.body.append(this.element);
    this.element.showModal();
    first?.focus();
    return new Promise((resolve) => (this.resolve = resolve));
  }

  close(value) {
    this.element.remove();
    this.resolve(value);
  }
}

/** Whether a person agrees to ``body``, elements that say to what. */
export function confirm({ title, body, yes }) {
  const button = el("button", { type: "button", class: "orc-main", onclick: () => dialog.close(true) }, yes);
  const dialog = new Dialog(title, "orl-confirm", body, [button]);
  return dialog.open(button).then(Boolean);
}

/** Puts a text on the clipboard; also where the page is not served over https. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const box = el("textarea", { class: "orc-offscreen" });
    box.value = text;
    document.body.append(box);
    box.select();
    const done = document.execCommand("copy");
    box.remove();
    if (!done) throw new Error(t("noClipboard"));
  }
}
