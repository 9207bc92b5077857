// Profile Loader: below its widgets, what the chosen profiles add to a prompt; and names of profiles where one types them.

import { api, app, ask, findNode, growToFit, isLinked, naturalHeight, onChange, t, widgetOf } from "./host.js";
import { CHOOSING, LOADER_NODE, chosenNames, tellProfiles } from "./profile_names.js";
import { el } from "./words.js";

const LISTS = ["required", "appearance_tags", "style"]; // what goes into the prompt
const WAIT = 200; // ms after a change
const [LOWEST, HIGHEST] = [40, 300]; // px of the view; what is longer scrolls
const WIDTH = 340;
const views = new WeakMap();

class ProfileView {
  constructor(node) {
    Object.assign(this, { node, height: LOWEST, asked: 0 });
    this.element = el("div", { class: "orc-view ors-profiles" }, el("p", { class: "orc-hint" }, t("profile_hint")));
    this.element.addEventListener("wheel", (event) => this.scrolls() && event.stopPropagation(), { passive: true });
    const options = { serialize: false, hideOnZoom: false, getMinHeight: () => this.height + 12, getValue: () => "", setValue: () => {} };
    node.addDOMWidget("orchestrator_profiles", "orchestrator_view", this.element, options).serialize = false;
    if (node.size[0] < WIDTH) node.setSize([WIDTH, node.size[1]]);
    for (const name of CHOOSING) if (widgetOf(node, name)) onChange(widgetOf(node, name), () => this.soon());
    const configured = node.onConfigure;
    node.onConfigure = (...passed) => {
      const result = configured?.apply(node, passed);
      this.soon();
      return result;
    };
    this.soon();
  }

  scrolls() {
    return this.element.scrollHeight > this.element.clientHeight;
  }

  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.look();
      tellProfiles();
    }, WAIT);
  }

  /** Shows what the widgets say; what comes from other nodes is shown after a run. */
  async look() {
    const asked = ++this.asked;
    if (CHOOSING.some((name) => isLinked(this.node, name))) return;
    const names = chosenNames(this.node);
    if (!names) return this.put(el("p", { class: "orc-hint" }, t("profile_hint")));
    try {
      const found = await ask("profiles/chosen", { query: { profiles: names } });
      if (asked === this.asked) this.show(found);
    } catch (error) {
      if (asked === this.asked) this.put(el("p", { class: "orc-problem" }, error.message));
    }
  }

  show({ profiles, problems }) {
    const told = problems.map((problem) => el("p", { class: "orc-problem" }, problem));
    this.put(...told, ...profiles.map((profile) => this.profileElement(profile)));
  }

  profileElement(profile) {
    const adds = LISTS.flatMap((name) => profile[name]);
    const about = [profile.description, profile.personality, profile.scenario, profile.backstory].filter(Boolean);
    const more = [...about, ...profile.weights, profile.forbidden.length > 0 && t("profile_never", { words: profile.forbidden.join(", ") })];
    const lines = more.filter(Boolean).map((text) => el("p", { dir: "auto" }, text));
    return el(
      "section",
      {},
      el("header", {}, el("b", { title: profile.key, dir: "auto" }, profile.name), el("small", {}, kindOf(profile)), profile.family && el("small", { class: "ors-family" }, profile.family)),
      profile.template && el("code", {}, profile.template),
      adds.length > 0 && el("p", { class: "ors-tags", dir: "auto" }, ...adds.map((tag) => el("span", {}, tag))),
      profile.negative.length > 0 && el("p", { class: "ors-soft", dir: "auto" }, t("profile_not", { words: profile.negative.join(", ") })),
      profile.loras.length > 0 && el("p", { class: "ors-soft" }, t("profile_loras", { names: profile.loras.join("; ") })),
      lines.length > 0 && el("details", { ontoggle: () => this.fit() }, el("summary", {}, t("profile_more")), ...lines),
    );
  }

  put(...children) {
    this.element.replaceChildren(...children);
    this.fit();
  }

  fit() {
    this.height = Math.max(LOWEST, Math.min(naturalHeight(this.element), HIGHEST));
    this.element.style.minHeight = `${this.height}px`;
    growToFit(this.node);
  }
}

/** What a profile is, in the page's language; "mixed" says nothing. */
export function kindOf({ kind }) {
  const kinds = { character: t("profile_character"), setting: t("profile_setting"), style: t("profile_style"), genre: t("profile_genre") };
  return kinds[kind] ?? "";
}

function showChosen(id, output) {
  const found = output?.orchestrator_profiles?.at(-1);
  const node = found && findNode(id);
  if (node) views.get(node)?.show(found);
}

app.registerExtension({
  name: "Orchestrator.Profiles",

  setup() {
    const link = el("link", { rel: "stylesheet", href: new URL("../css/stories.css", import.meta.url).href });
    document.head.append(link);
    api.addEventListener("executed", ({ detail }) => showChosen(detail.display_node ?? detail.node, detail.output));
  },

  nodeCreated(node) {
    if (node.comfyClass === LOADER_NODE && !views.has(node)) views.set(node, new ProfileView(node));
  },

  onNodeOutputsUpdated(outputs) {
    for (const [id, output] of Object.entries(outputs)) showChosen(id, output);
  },
});
