import { Dialog } from "./dialog";
import { useKeys } from "./keys";

const KEYS: [string, [string, string][]][] = [
  [
    "Look",
    [
      ["← ↑ ↓ →", "go to another image (also h j k l)"],
      ["Enter", "open it large, and close it again (also Space)"],
      ["I", "what is known of it"],
      ["Z + −", "zoom; in the grid + and − change the size"],
      ["C", "compare the chosen 2 to 4, or this one with the next"],
      ["/", "search"],
    ],
  ],
  [
    "Mark",
    [
      ["1 … 5", "stars; 0 takes them away"],
      ["F", "favourite"],
      ["X", "reject"],
      ["Shift", "with any of these: mark and go on"],
      ["U", "take the last mark back (also Ctrl Z)"],
    ],
  ],
  [
    "Choose",
    [
      ["S", "choose this image (also Ctrl-click, or its corner)"],
      ["Shift ← →", "choose from here to there (also Shift-click)"],
      ["A", "choose all that is found"],
      ["Esc", "choose none"],
    ],
  ],
];

export function Help({ onClose }: { onClose: () => void }) {
  useKeys((key) => {
    if (key === "Escape" || key === "?") onClose();
    return true;
  });
  return (
    <Dialog label="Keys" className="scrim" onClose={onClose}>
      <div className="help panel">
        <header>
          <h2>Keys</h2>
          <button className="button quiet icon" onClick={onClose} aria-label="Close (Esc)">
            ✕
          </button>
        </header>
        <div className="columns">
          {KEYS.map(([title, keys]) => (
            <section key={title}>
              <h3>{title}</h3>
              <dl>
                {keys.map(([key, meaning]) => (
                  <div key={key}>
                    <dt>
                      <kbd>{key}</kbd>
                    </dt>
                    <dd>{meaning}</dd>
                  </div>
                ))}
              </dl>
            </section>
          ))}
        </div>
      </div>
    </Dialog>
  );
}
