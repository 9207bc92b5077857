// The LoRAs tab of ComfyUI's sidebar: search, filters, cards, and one LoRA in full; notices of what came to the disk.

import { addSidebarTab, api, app, ask, loadTexts, t, toast } from "./host.js";
import { detailsElement } from "./lora_details.js";
import { Grid } from "./lora_grid.js";
import { say, startDropping } from "./lora_page.js";
import { testLoras } from "./lora_test.js";
import { el } from "./words.js";

const TAB = "orchestrator-loras";
const WAIT = 180; // ms after a key, before the list is asked for
const STATUS_EVERY = 2000; // ms, while files are hashed and the tab is open
const CHIPS = 6; // base models that have a chip
const FIRST = 60;
const TESTED = 23; // at most, of those that are shown: a workflow of one strength and seed holds no more

class Panel {
  constructor() {
    this.query = "";
    this.ids = "";
    this.sorts = [];
    this.baseModels = [];
    this.asked = 0;
    this.search = el("input", {
      type: "search", spellcheck: "false", autocomplete: "off", placeholder: t("lora_search"), "aria-label": t("lora_search"), title: t("lora_searchHelp"),
    });
    this.sort = el("select", { title: t("lora_sort"), "aria-label": t("lora_sort"), onchange: () => this.load() });
    this.problem = el("p", { class: "orl-problem", role: "alert" });
    this.chips = el("div", { class: "orl-chips" });
    this.note = el("button", { type: "button", class: "orl-note", onclick: () => this.showAll() });
    this.foot = el("footer");
    this.picked = el("div", { class: "orl-picked", hidden: true });
    this.empty = el("p", { class: "orl-empty" });
    this.grid = new Grid({
      load: (offset, limit) => this.ask(offset, limit),
      onOpen: (lora) => this.open(lora.id),
      onStar: (lora) => this.star(lora),
      onPick: (loras) => this.showPicked(loras),
    });
    this.list = el(
      "div",
      { class: "orl-list" },
      el(
        "header",
        {},
        el("div", { class: "orl-line" }, this.search, this.button("pi-sync", t("lora_refresh"), () => this.refresh())),
        this.problem,
        this.note,
        el("div", { class: "orl-line" }, this.sort, this.button("pi-th-large", t("lora_testShown"), () => this.testShown()), exportLink()),
        this.chips,
        this.picked,
      ),
      this.empty,
      this.grid.element,
      this.foot,
    );
    this.element = el("div", { class: "orl-panel" }, this.list);
    this.search.addEventListener("input", () => this.typed());
    this.search.addEventListener("keydown", (event) => this.key(event));
    this.note.hidden = this.problem.hidden = true;
  }

  button(icon, title, onclick) {
    return el("button", { type: "button", class: "orl-icon", title, "aria-label": title, onclick }, el("i", { class: `pi ${icon}` }));
  }

  /** ComfyUI shows the tab; what was there before is there again. */
  mount(place) {
    place.style.height = "100%";
    place.append(this.element);
    this.isOpen = true;
    if (this.scrollTop) this.grid.element.scrollTop = this.scrollTop;
    this.status().then(() => this.load(true));
  }

  unmount() {
    this.scrollTop = this.grid.element.scrollTop;
    this.isOpen = false;
    clearTimeout(this.statusTimer);
    this.element.remove();
  }

  typed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.query = this.search.value;
      this.load();
    }, WAIT);
  }

  key(event) {
    event.stopPropagation();
    if (event.key === "ArrowDown") this.grid.element.focus();
    else if (event.key === "Escape" && this.search.value) this.filter("");
    else return;
    event.preventDefault();
  }

  ask(offset, limit) {
    const query = { query: this.query, sort: this.sort.value || "favourite", offset, limit };
    return ask("loras", { query: this.ids ? { ...query, ids: this.ids } : query });
  }

  /** Asks for what is wanted now. */
  async load(keepPlace = false) {
    const asked = ++this.asked;
    try {
      const answer = await this.ask(0, FIRST);
      if (asked !== this.asked) return;
      this.tell("");
      this.grid.show(answer, keepPlace);
      this.showChips(answer.facets);
      this.empty.hidden = answer.total > 0;
      this.empty.textContent = this.query || this.ids ? t("lora_noneFound") : t("lora_none", { folder: this.folders?.[0] ?? "" });
      if (!answer.ready) this.later();
    } catch (error) {
      if (asked === this.asked) this.tell(error.message);
    }
  }

  /** The library is being read: what is there is shown, and soon more. */
  later() {
    clearTimeout(this.loadTimer);
    this.loadTimer = setTimeout(() => this.isOpen && this.load(true), 1000);
  }

  tell(problem) {
    this.problem.textContent = problem;
    this.problem.hidden = !problem;
  }

  // filters

  /** A click takes a filter into the query, where a person can read and change it; another click takes it out. */
  showChips(facets) {
    if (!facets) return;
    const chip = (term, text, count, kind = "") =>
      el(
        "button",
        { type: "button", class: `orl-chip ${kind}`, "aria-pressed": String(this.has(term)), onclick: () => this.toggle(term) },
        text,
        el("span", {}, count.toLocaleString()),
      );
    const starred = facets.favourite.yes ? [chip("favourite:yes", t("lora_favourites"), facets.favourite.yes, "orl-fav")] : [];
    const bases = Object.entries(facets.base).slice(0, CHIPS).map(([name, count]) => chip(`base:${quoted(name)}`, name, count));
    const flags = Object.entries(facets.missing).map(([kind, count]) => chip(`missing:${kind}`, t(`lora_flag_${kind}`), count, "orl-warn"));
    this.chips.replaceChildren(...starred, ...bases, ...flags);
  }

  has(term) {
    return ` ${this.query} `.includes(` ${term} `);
  }

  toggle(term) {
    const rest = ` ${this.query} `.replace(` ${term} `, " ").trim();
    this.filter(this.has(term) ? rest : `${rest} ${term}`.trim());
  }

  filter(query) {
    this.query = this.search.value = query;
    this.back();
    this.load();
  }

  /** Shows the LoRAs of a message alone. */
  showOnly(ids, message) {
    this.ids = ids.join(",");
    this.note.replaceChildren(message, el("i", { class: "pi pi-times" }));
    this.note.title = t("lora_showAllAgain");
    this.note.hidden = false;
    this.filter("");
  }

  showAll() {
    this.ids = "";
    this.note.hidden = true;
    this.load();
  }

  // one LoRA

  async open(id) {
    try {
      this.show(await ask("loras/one", { query: { id } }));
    } catch (error) {
      toast("error", t("failed"), error.message);
    }
  }

  show(lora) {
    const details = detailsElement(lora, {
      back: () => this.back(),
      changed: (found) => {
        this.grid.update(found);
        if (this.shown === found.id) this.show(found); // an answer may come late
      },
      test: (one) => this.test([one]),
      typed: this.shown === lora.id ? this.details.typed() : {},
      baseModels: this.baseModels,
      refilter: (query) => this.filter(query),
    });
    this.scrollTop = this.grid.element.scrollTop || this.scrollTop;
    const before = this.details?.querySelector(".orl-details-body")?.scrollTop ?? 0;
    const isSame = this.shown === lora.id;
    const focused = isSame && focusedIn(this.details);
    this.details?.remove();
    Object.assign(this, { details, shown: lora.id });
    this.list.hidden = true;
    this.element.append(details);
    if (!isSame) return details.querySelector("button").focus();
    details.querySelector(".orl-details-body").scrollTop = before;
    if (focused) focusAgain(details, focused);
  }

  back() {
    if (!this.details) return;
    this.details.remove();
    this.details = this.shown = null;
    this.list.hidden = false;
    this.grid.element.scrollTop = this.scrollTop ?? 0;
    this.grid.lay();
    this.grid.element.focus({ preventScroll: true });
  }

  async star(lora) {
    const found = await say(lora, { favourite: !lora.favourite });
    if (found) this.grid.update(found);
  }

  // tests

  showPicked(loras) {
    this.picked.hidden = !loras.length;
    this.picked.replaceChildren(
      el("span", {}, t("lora_picked", { count: loras.length })),
      el("button", { type: "button", class: "orl-main", title: t("lora_testThese"), onclick: () => this.test(loras) }, el("i", { class: "pi pi-th-large" }), " ", t("lora_test")),
      this.button("pi-times", t("lora_pickNone"), () => this.grid.pickNone()),
    );
  }

  async testShown() {
    const picked = [...this.grid.picked.values()];
    if (picked.length) return this.test(picked);
    const answer = await this.ask(0, TESTED).catch((error) => this.tell(error.message));
    if (answer?.total) this.test(answer.loras, answer.total);
  }

  async test(loras, shown = 0) {
    const values = await testLoras(loras, { shown, before: this.tested });
    if (values) this.tested = values;
  }

  // the library as a whole

  async refresh() {
    try {
      const found = await ask("loras/refresh", { body: {} });
      if (!found.message) toast("info", t("lora_nothingNew", { total: found.total }));
      this.load(true);
      this.status();
    } catch (error) {
      toast("error", t("failed"), error.message);
    }
  }

  async status() {
    const found = await ask("loras/status").catch(() => null);
    if (!found) return;
    this.folders = found.folders;
    this.baseModels = found.base_models;
    if (!this.sort.options.length)
      this.sort.append(...found.sorts.map((value) => el("option", { value, selected: value === "favourite" }, t(`lora_sort_${value}`))));
    this.showStatus(found);
    clearTimeout(this.statusTimer);
    const isBusy = !found.ready || found.hashing?.running;
    if (isBusy && this.isOpen) this.statusTimer = setTimeout(() => this.status(), STATUS_EVERY);
  }

  showStatus({ total, ready, mode, every_s: seconds, why_polling: why, lacks_watchdog: lacksWatchdog, hashing, problems, offline }) {
    const isLive = mode === "live";
    const help = [t("lora_modeHelp"), ...(lacksWatchdog ? [t("lora_watchdog")] : why)].join("\n");
    const bar = hashing?.running && el("progress", { max: hashing.of_bytes || 1, value: hashing.bytes, title: hashing.current });
    const told = hashing?.running && t(hashing.paused ? "lora_hashingPaused" : "lora_hashing", { done: hashing.files, all: hashing.of_files });
    const parts = [
      el("span", {}, ready ? t("lora_total", { total: total.toLocaleString() }) : t("lora_looking")),
      mode && el("span", { class: isLive ? "orl-live" : "", title: help }, isLive ? t("lora_live") : t("lora_every", { seconds })),
      told && el("span", {}, told),
      bar,
      ...[...offline.map((folder) => t("lora_offline", { folder })), ...problems].map((problem) => el("p", { class: "orl-problem" }, problem)),
    ];
    this.foot.replaceChildren(...parts.filter(Boolean));
  }
}

/** Where a person is who has not gone elsewhere: the name of a field, and the place in it. */
function focusedIn(details) {
  const element = document.activeElement;
  if (element !== document.body && !details.contains(element)) return null;
  return { name: element.name ?? "", at: element.selectionStart ?? null };
}

function focusAgain(details, { name, at }) {
  const field = name && details.querySelector(`[name="${name}"]`);
  (field || details.querySelector(".orl-details-body")).focus({ preventScroll: true });
  if (field && at !== null) field.setSelectionRange(at, at);
}

function exportLink() {
  const href = api.apiURL("/orchestrator/loras/export?format=csv");
  const icon = el("i", { class: "pi pi-download" });
  return el("a", { class: "orl-icon", href, download: "", title: t("lora_export"), "aria-label": t("lora_export") }, icon);
}

function quoted(text) {
  return /[\s"]/.test(text) ? `"${text}"` : text;
}

// the page

let panel = null;
let latest = []; // messages, the newest first: notices of several may stand there, and each is clicked for its own

function isShown() {
  return app.extensionManager?.sidebarTab?.activeSidebarTabId === TAB;
}

function openTab() {
  if (!isShown()) app.extensionManager?.command?.execute(`Workspace.ToggleSidebarTab.${TAB}`);
}

function showMessage(message) {
  openTab();
  panel.showOnly(message.ids, message.message);
}

function onLibrary({ detail }) {
  latest = [detail, ...latest].slice(0, 8);
  const severity = detail.problem || detail.truncated.length ? "warn" : "success";
  toast(severity, detail.message, detail.ids.length ? t("lora_clickToShow") : "");
  if (panel.isOpen) {
    panel.load(true);
    panel.status();
  }
}

/** ComfyUI's notices have no action of their own: a click on the one that says what we said is ours. */
function onClick(event) {
  const notice = event.target.closest?.(".p-toast-message, [data-sonner-toast], [role=alert], [role=status]");
  const isClose = event.target.closest?.("button");
  if (!notice || isClose || notice.closest(".orl-panel")) return;
  const told = latest.find((message) => message.ids.length && notice.textContent.includes(message.message));
  if (told) showMessage(told);
}

app.registerExtension({
  name: "Orchestrator.LoRAs",
  commands: [
    { id: "Orchestrator.ShowLoRAs", label: "Show the LoRA library", icon: "pi pi-palette", function: openTab },
  ],
  menuCommands: [{ path: ["Extensions", "Orchestrator"], commands: ["Orchestrator.ShowLoRAs"] }],

  async setup() {
    const link = el("link", { rel: "stylesheet", href: new URL("../css/loras.css", import.meta.url).href });
    document.head.append(link);
    await loadTexts();
    panel = new Panel();
    addSidebarTab({
      id: TAB,
      icon: "pi pi-palette",
      title: t("lora_tab"),
      tooltip: t("lora_title"),
      panel,
    });
    startDropping();
    api.addEventListener("orchestrator.loras", onLibrary);
    document.addEventListener("click", onClick);
  },
});
