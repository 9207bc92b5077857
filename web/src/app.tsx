import { type ComponentType, lazy, Suspense } from "react";
import { Failure } from "./failure";
import { GalleryView } from "./gallery/view";
import { chooseTheme, host, theme } from "./place";
import { hrefOf, useRoute } from "./route";
import { SignIn } from "./sign_in";
import { useSignal } from "./signal";
import { Toasts } from "./toasts";

const pages = () => import("./gallery/pages");
const StoriesView = lazy(() => pages().then(({ StoriesView }) => ({ default: StoriesView })));
const GridsView = lazy(() => pages().then(({ GridsView }) => ({ default: GridsView })));
const FoldersView = lazy(() => pages().then(({ FoldersView }) => ({ default: FoldersView })));
const Builder = lazy(() => import("./builder/index"));

const PAGES: { page: string; title: string; short?: string; View: ComponentType }[] = [
  { page: "", title: "Gallery", View: GalleryView },
  { page: "stories", title: "Stories", View: StoriesView },
  { page: "grids", title: "LoRA tests", short: "LoRAs", View: GridsView },
  { page: "folders", title: "Folders", View: FoldersView },
  { page: "builder", title: "Builder", View: Builder },
];

export function App() {
  const { page } = useRoute();
  const shown = PAGES.find((entry) => entry.page === page) ?? PAGES[0]!;
  return (
    <div className="app">
      <nav className="tabs" aria-label="Pages">
        <Brand />
        {PAGES.map(({ page, title, short }) => (
          <a key={page} className="tab" href={hrefOf(page)} aria-current={page === shown.page ? "page" : undefined}>
            <span data-short={short}>{title}</span>
          </a>
        ))}
        <span className="rest" />
        {!host && <ThemeButton />}
      </nav>
      <main className="view">
        <Failure key={shown.page}>
          <Suspense fallback={<p className="empty">Loading…</p>}>
            <shown.View />
          </Suspense>
        </Failure>
      </main>
      <Toasts />
      <SignIn />
    </div>
  );
}

function ThemeButton() {
  const now = useSignal(theme);
  const next = now === "auto" ? "dark" : now === "dark" ? "light" : "auto";
  const title = `Theme: ${now}. Switch to ${next}`;
  return (
    <button className="button quiet icon theme" onClick={() => chooseTheme(next)} aria-label={title} title={title}>
      {now === "auto" ? "◐" : now === "dark" ? "☾" : "☀"}
    </button>
  );
}

function Brand() {
  return (
    <a className="brand" href={hrefOf("")} aria-label="Orchestrator">
      <svg width="24" height="24" viewBox="48 68 160 120" aria-hidden="true">
        <path d="M64 88 C 120 88 112 168 192 168 M64 128 L192 128 M64 168 C 120 168 112 88 192 88" fill="none" stroke="var(--accent)" strokeWidth="12" />
        <circle cx="60" cy="88" r="16" fill="#f4a259" />
        <circle cx="60" cy="128" r="16" fill="#7bc8a4" />
        <circle cx="60" cy="168" r="16" fill="#e86a92" />
        <circle cx="196" cy="88" r="16" fill="#e86a92" />
        <circle cx="196" cy="128" r="16" fill="#7bc8a4" />
        <circle cx="196" cy="168" r="16" fill="#f4a259" />
      </svg>
    </a>
  );
}
