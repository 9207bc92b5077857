// What happened, in a sentence at the bottom of the page, and read out to who cannot see it.

import { Signal, useSignal } from "./signal";

export interface Toast {
  id: number;
  text: string;
  kind: "said" | "error";
  action?: { title: string; run: () => void };
}

const toasts = new Signal<Toast[]>([]);
let last = 0;

/** Says it for some seconds; what has an action or is an error stays longer. Answers what takes it away again. */
export function say(text: string, more: { kind?: Toast["kind"]; action?: Toast["action"]; stays?: boolean } = {}): () => void {
  const toast: Toast = { id: ++last, text, kind: more.kind ?? "said", action: more.action };
  // The same sentence twice is one.
  toasts.set([...toasts.value.filter((other) => other.text !== text).slice(-3), toast]);
  const dismiss = () => takeAway(toast);
  if (!more.stays) setTimeout(dismiss, toast.kind === "error" || toast.action ? 9000 : 4000);
  return dismiss;
}

const takeAway = (toast: Toast) => toasts.set(toasts.value.filter((other) => other !== toast));

export const complain = (text: string) => say(text, { kind: "error" });

export function Toasts() {
  const shown = useSignal(toasts);
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((toast) => (
        <p key={toast.id} className={`toast panel ${toast.kind}`}>
          <span>{toast.text}</span>
          {toast.action && (
            <button
              className="button quiet"
              onClick={() => {
                toast.action?.run();
                takeAway(toast);
              }}
            >
              {toast.action.title}
            </button>
          )}
        </p>
      ))}
    </div>
  );
}
