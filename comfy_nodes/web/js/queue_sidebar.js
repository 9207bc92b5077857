// The queue in ComfyUI's sidebar: what waits, runs, is held and is over, live while the tab is open; and all that a
// person can do to it. Forge, the command line and other machines change the same queue.

import { addSidebarTab, app, ask, loadTexts, t, toast } from "./host.js";
import { confirm } from "./dialog.js";
import { addToQueue, onAdded } from "./pipeline_canvas.js";
import { jobElement } from "./queue_job.js";
import { JobList } from "./queue_list.js";
import { el } from "./words.js";

const TAB = "orchestrator-queue";
const EVERY = 1500; // ms between two looks, while the tab is open
const HIDDEN = 8; // times as long where the page is not seen
const WAIT = 200; // ms after a key of a search
const VIEWS = { open: ["waiting", "running", "held"], ended: ["done", "failed", "cancelled"] };
const MANY = 20; // jobs that are not cancelled without a question

class Panel {
  constructor() {
    Object.assign(this, { view: "open", event: null, shown: null });
    this.problem = el("p", { class: "ors-problem", role: "alert", hidden: true });
    this.told = el("p", { class: "orj-told", role: "status" });
    this.pauseButton = el("button", { type: "button", class: "orj-pause", onclick: () => this.pause() });
    this.views = el("div", { class: "orq-modes", role: "group", "aria-label": t("queue_title") });
    this.search = el("input", { type: "text", spellcheck: "false", placeholder: t("queue_search"), "aria-label": t("queue_search") });
    this.picked = el("div", { class: "orj-picked", hidden: true });
    this.empty = el("p", { class: "ors-empty", hidden: true });
    this.list = new JobList({
      load: (offset, limit) => ask("queue", { query: { view: this.view, text: this.search.value.trim(), offset, limit } }),
      onOpen: (job) => this.open(job.number),
      onDo: (deed, numbers) => this.act(deed, numbers),
      onMove: (where, numbers) => this.move(where, numbers),
      onPick: (numbers) => this.showPicked(numbers),
    });
    const add = el("button", { type: "button", class: "ors-main orj-add", title: t("queue_addHint"), onclick: () => addToQueue() }, el("i", { class: "pi pi-plus" }), " ", t("queue_add"));
    this.front = el(
      "div",
      { class: "orj-front" },
      el("header", {}, el("div", { class: "orj-line" }, add, this.pauseButton), this.told, this.views, this.search),
      this.picked,
      this.empty,
      this.list.element,
      el("p", { class: "orj-keys", id: "orj-keys" }, t("queue_keys")),
    );
    this.place = el("div", { class: "orj-place" }, this.front);
    this.element = el("div", { class: "ors-panel orj-panel" }, this.problem, this.place);
    this.element.addEventListener("keydown", (event) => event.stopPropagation()); // ComfyUI has keys of its own
    this.search.addEventListener("input", () => this.typed());
  }

  mount(place) {
    place.style.height = "100%";
    place.append(this.element);
    this.isOpen = true;
    this.event = null;
    this.look();
  }

  unmount() {
    this.isOpen = false;
    clearTimeout(this.timer);
    this.element.remove();
  }

  tell(problem) {
    this.problem.textContent = problem;
    this.problem.hidden = !problem;
  }

  /** Looks whether something is new, and again after a while. */
  async look() {
    clearTimeout(this.timer);
    const looked = (this.looked = {});
    try {
      const state = await ask("queue/state");
      if (!this.isOpen || looked !== this.looked) return;
      this.tell("");
      await this.showState(state);
    } catch (error) {
      if (looked === this.looked) this.tell(error.message);
    }
    if (this.isOpen && looked === this.looked) this.timer = setTimeout(() => this.look(), document.hidden ? EVERY * HIDDEN : EVERY);
  }

  async showState(state) {
    this.state = state;
    this.showHead(state);
    const isNew = state.event !== this.event && !this.list.dragged; // whose row must stay
    if (isNew) {
      this.event = state.event;
      await this.reload();
      if (this.shown !== null) await this.open(this.shown, true);
    } else this.list.progress(state.running);
  }

  async reload(keepPlace = true) {
    const found = await this.list.refresh(keepPlace);
    if (!found) return;
    this.empty.hidden = found.total > 0;
    this.empty.textContent = this.search.value.trim() ? t("queue_noneFound") : t(`queue_empty_${this.view}`);
  }

  showHead({ paused, reason, counts, worker }) {
    const word = paused ? t("queue_resume") : t("queue_pause");
    this.pauseButton.setAttribute("aria-pressed", String(paused));
    this.pauseButton.replaceChildren(el("i", { class: `pi ${paused ? "pi-play" : "pi-pause"}` }), " ", word);
    const isWorth = ["off", "failed", "closed"].includes(worker.doing) || (worker.doing !== "working" && !paused);
    const lines = [paused ? [t("queue_paused"), reason].filter(Boolean).join(" ") : "", isWorth ? worker.why : "", ...worker.problems];
    this.told.replaceChildren(...lines.filter(Boolean).map((line) => el("span", { dir: "auto" }, line)));
    this.told.hidden = !this.told.childElementCount;
    this.told.classList.toggle("orj-is-paused", paused);
    const count = (view) => VIEWS[view].reduce((sum, state) => sum + counts[state], 0);
    const choice = Object.keys(VIEWS).map((view) =>
      el("button", { type: "button", class: view === this.view ? "ors-main" : "", "aria-pressed": String(view === this.view), "data-view": view, onclick: () => this.choose(view) }, t(`queue_view_${view}`, { count: count(view).toLocaleString() })),
    );
    const focused = this.views.contains(document.activeElement) ? document.activeElement.dataset.view : null;
    this.views.replaceChildren(...choice);
    if (focused) this.views.querySelector(`[data-view=${focused}]`).focus();
  }

  async choose(view) {
    this.view = view;
    this.list.pick([]);
    this.showHead(this.state);
    await this.try(() => this.reload(false));
  }

  typed() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.try(() => this.reload(false)), WAIT);
  }

  showPicked(numbers) {
    this.picked.hidden = !numbers.length;
    if (!numbers.length) return this.picked.replaceChildren();
    const deeds = this.view === "open" ? ["top", "hold", "retry", "cancel"] : ["retry", "requeue"];
    const button = (deed) => el("button", { type: "button", "data-do": deed, onclick: () => this.act(deed, numbers) }, t(`queue_do_${deed}`));
    this.picked.replaceChildren(el("span", {}, t("queue_jobs", { count: numbers.length })), ...deeds.map(button));
  }

  // what a person does

  async try(work) {
    try {
      return await work();
    } catch (error) {
      toast("error", t("failed"), error.message);
      return null;
    }
  }

  async send(path, body) {
    const found = await this.try(() => ask(`queue/${path}`, { body }));
    if (!found) return this.reload(); // what was shown may never have been so
    if (found.problems?.length) toast("warn", t("queue_notAll"), found.problems.join("\n"));
    this.event = null;
    await this.try(() => this.showState(found));
  }

  pause() {
    return this.send("pause", { paused: !this.state?.paused });
  }

  async act(deed, numbers) {
    if (!numbers.length) return;
    if (deed === "cancel" && numbers.length >= MANY) {
      const body = [el("p", {}, t("queue_cancelAsk", { count: numbers.length.toLocaleString() }))];
      if (!(await confirm({ title: t("queue_do_cancel"), body, yes: t("queue_do_cancel") }))) return;
    }
    if (deed !== "top") this.list.pick([]);
    await this.send("act", { jobs: numbers, deed });
  }

  move(where, numbers) {
    return this.send("act", typeof where === "number" ? { jobs: numbers, before: where } : { jobs: numbers, deed: where });
  }

  async open(number, again = false) {
    const found = await this.try(() => jobElement(number, { act: (deed, numbers) => this.act(deed, numbers), rerun: (job, stage) => this.send("rerun", { job, stage }), back: () => this.back() }));
    if (!found || (again && this.shown !== number)) return;
    if (!again) this.top = this.list.element.scrollTop; // it is lost with the list's place on the page
    this.shown = number;
    if (again) return this.renew(found);
    this.place.replaceChildren(found);
    found.querySelector("button").focus();
  }

  /** The same job as it is now; who reads it stays where they are. */
  renew(found) {
    const before = this.place.firstElementChild;
    if (before.dataset.is === found.dataset.is) return;
    const [top, opened] = [before.querySelector(".ors-body").scrollTop, before.querySelectorAll("details")];
    const focused = before.contains(document.activeElement) && [...before.querySelectorAll("button")].indexOf(document.activeElement);
    this.place.replaceChildren(found);
    const now = [...found.querySelectorAll("details")];
    for (const [number, one] of [...opened].entries()) if (now[number] && now.length === opened.length) now[number].open = one.open;
    found.querySelector(".ors-body").scrollTop = top;
    if (focused !== false) (found.querySelectorAll("button")[focused] ?? found.querySelector("button")).focus({ preventScroll: true });
  }

  back() {
    this.shown = null;
    this.place.replaceChildren(this.front);
    this.list.element.scrollTop = this.top;
    this.list.draw();
    this.list.element.focus({ preventScroll: true });
  }
}

let panel = null;

export function openQueue() {
  if (app.extensionManager?.sidebarTab?.activeSidebarTabId === TAB) return;
  app.extensionManager?.command?.execute(`Workspace.ToggleSidebarTab.${TAB}`);
}

app.registerExtension({
  name: "Orchestrator.Queue",
  settings: [
    {
      id: "Orchestrator.WorkOnQueue",
      category: ["Orchestrator", "Queue", "WorkOnQueue"],
      name: "Work on the queue",
      type: "boolean",
      defaultValue: true,
    },
  ],
  commands: [
    { id: "Orchestrator.ShowQueue", label: "Show the queue", icon: "pi pi-list", function: () => openQueue() },
    { id: "Orchestrator.AddToQueue", label: "Add this workflow to the queue", icon: "pi pi-plus", function: () => addToQueue() },
  ],
  menuCommands: [
    { path: ["Extensions", "Orchestrator"], commands: ["Orchestrator.ShowQueue", "Orchestrator.AddToQueue"] },
  ],

  async setup() {
    await loadTexts();
    document.head.append(el("link", { rel: "stylesheet", href: new URL("../css/queue.css", import.meta.url).href }));
    panel = new Panel();
    addSidebarTab({
      id: TAB,
      icon: "pi pi-list",
      title: t("queue_tab"),
      tooltip: t("queue_title"),
      panel,
    });
    onAdded(() => (panel.isOpen ? panel.look() : openQueue()));
  },
});
