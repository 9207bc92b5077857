// The Stories tab of ComfyUI's sidebar: all stories, and one with its scenes and its state.

import { addSidebarTab, api, app, ask, loadTexts, setting, t } from "./host.js";
import { storyElement } from "./story_details.js";
import { TAB, openStory, takeWanted } from "./story_page.js";
import { newStory } from "./story_settings.js";
import { el } from "./words.js";

const WAIT = 150; // ms after news of a story
const SCENES = 50; // that are shown at once

class Panel {
  constructor() {
    Object.assign(this, { name: "", limit: SCENES, asked: 0 });
    this.problem = el("p", { class: "ors-problem", role: "alert", hidden: true });
    this.list = el("div", { class: "ors-list" });
    this.begin = el("button", { type: "button", class: "ors-main", onclick: () => this.new() }, el("i", { class: "pi pi-plus" }), " ", t("story_new"));
    const again = el("button", { type: "button", class: "ors-icon", title: t("story_refresh"), "aria-label": t("story_refresh"), onclick: () => this.load() }, el("i", { class: "pi pi-sync" }));
    this.all = el("div", { class: "ors-all" }, el("header", {}, this.begin, again), this.list);
    this.element = el("div", { class: "ors-panel" }, this.problem, this.all);
  }

  mount(place) {
    place.style.height = "100%";
    place.append(this.element);
    this.isOpen = true;
    this.show();
  }

  unmount() {
    this.isOpen = false;
    this.element.remove();
  }

  /** The story that somebody asked for, or what was there before. */
  show() {
    this.open(takeWanted() || this.name);
  }

  open(name) {
    if (name !== this.name) Object.assign(this, { name, limit: SCENES });
    this.load();
  }

  async load() {
    const asked = ++this.asked;
    try {
      const found = this.name ? await ask("stories/one", { query: { name: this.name, limit: this.limit } }) : await ask("stories");
      if (asked !== this.asked) return;
      this.tell("");
      if (this.name) this.showStory(found);
      else this.showAll(found);
    } catch (error) {
      if (asked !== this.asked) return;
      this.tell(error.message);
      if (this.name) this.back();
    }
  }

  tell(problem) {
    this.problem.textContent = problem;
    this.problem.hidden = !problem;
  }

  showAll({ stories }) {
    this.story?.remove();
    this.story = null;
    this.all.hidden = false;
    const empty = el("p", { class: "ors-empty" }, t("story_empty"));
    this.list.replaceChildren(...(stories.length ? stories.map((story) => this.row(story)) : [empty]));
  }

  row(story) {
    const time = new Date(story.told_ms).toLocaleDateString(setting("Comfy.Locale"), { dateStyle: "medium" });
    const about = [t("story_scenes", { count: story.scenes }), time].join(" · ");
    return el(
      "button",
      { type: "button", onclick: () => this.open(story.name) },
      el("b", { dir: "auto" }, story.name),
      el("small", {}, about),
      story.profiles.length > 0 && el("small", { dir: "auto" }, story.profiles.join(", ")),
    );
  }

  /** Where the person was in the story is where they are again; while something is typed it is shown later. */
  showStory(story) {
    if (this.isTyping()) return this.news();
    this.name = story.name;
    const body = this.story?.querySelector(".ors-body");
    const [top, isOpen] = [body?.scrollTop ?? 0, Boolean(this.story?.querySelector(".ors-log[open]"))];
    const focused = this.story?.contains(document.activeElement) ? document.activeElement : null;
    const element = storyElement(story, {
      back: () => this.back(),
      changed: (found) => this.showStory(found),
      gone: () => this.back(),
      more: () => {
        this.limit += SCENES;
        this.load();
      },
    });
    const before = this.story;
    before?.remove();
    this.story = element;
    this.all.hidden = true;
    this.element.append(element);
    element.querySelector(".ors-body").scrollTop = top;
    if (isOpen) element.querySelector(".ors-log")?.setAttribute("open", "");
    if (focused) focusAgain(element, before, focused);
  }

  /** Whether the story has something typed that is not saved. */
  isTyping() {
    const field = document.activeElement;
    return Boolean(this.story?.contains(field)) && field.matches("input") && field.value !== field.defaultValue;
  }

  back() {
    this.name = "";
    this.story?.remove();
    this.story = null;
    this.all.hidden = false;
    this.load();
  }

  async new() {
    const known = await ask("stories").catch((error) => this.tell(error.message)); // also what came since
    const found = known && (await newStory(known));
    if (!found) return;
    ++this.asked; // an answer that is still on its way is older than this
    this.showStory(found);
  }

  /** A scene was kept, or somebody edited a story, here or in another window. */
  news() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.isOpen && (this.isTyping() ? this.news() : this.load()), WAIT);
  }
}

/** Focuses what has the place of ``focused``; nothing where its name does not tell, as several people have facts. */
function focusAgain(element, before, focused) {
  const name = focused.getAttribute("aria-label");
  const [there, then] = [element, before].map((each) => [...each.querySelectorAll("[aria-label]")].filter((one) => one.getAttribute("aria-label") === name));
  const found = there.length === then.length ? there[then.indexOf(focused)] : null;
  found?.focus({ preventScroll: true });
  if (found?.matches("input")) found.setSelectionRange(focused.selectionStart, focused.selectionEnd);
}

let panel = null;

app.registerExtension({
  name: "Orchestrator.Stories",
  commands: [
    { id: "Orchestrator.ShowStories", label: "Show the stories", icon: "pi pi-book", function: () => openStory() },
  ],
  menuCommands: [{ path: ["Extensions", "Orchestrator"], commands: ["Orchestrator.ShowStories"] }],

  async setup() {
    await loadTexts();
    panel = new Panel();
    addSidebarTab({
      id: TAB,
      icon: "pi pi-book",
      title: t("story_tab"),
      tooltip: t("story_title"),
      panel,
    });
    api.addEventListener("orchestrator.stories", () => panel.news());
    document.addEventListener("orchestrator-story", () => panel.show());
  },
});
