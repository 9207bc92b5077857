// A button that opens a panel, and the dialog that asks for one thing. Both close with Escape and give the focus back.

import { type ReactNode, useEffect, useId, useRef, useState } from "react";

export function Popover({ title, label, className, children }: { title: ReactNode; label: string; className?: string; children: (close: () => void) => ReactNode }) {
  const [isOpen, setOpen] = useState(false);
  const around = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  const id = useId();
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };
  useEffect(() => {
    if (!isOpen) return;
    around.current?.querySelector<HTMLElement>("[data-first], .b-popover button, .b-popover input")?.focus();
    const outside = (event: PointerEvent) => {
      if (!around.current?.contains(event.target as Node)) setOpen(false);
    };
    addEventListener("pointerdown", outside, true);
    return () => removeEventListener("pointerdown", outside, true);
  }, [isOpen]);
  return (
    <div className="b-around" ref={around} onKeyDown={(event) => isOpen && moved(event, around.current!, close)}>
      <button ref={button} className={`button ${className ?? ""}`} aria-expanded={isOpen} aria-controls={id} aria-label={label} title={label} onClick={() => setOpen(!isOpen)}>
        {title}
      </button>
      {isOpen && (
        <div id={id} className="b-popover panel">
          {children(close)}
        </div>
      )}
    </div>
  );
}

function moved(event: React.KeyboardEvent, around: HTMLElement, close: () => void): void {
  if (event.key === "Escape") {
    event.stopPropagation();
    close();
    return;
  }
  const way = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (!way) return;
  const all = [...around.querySelectorAll<HTMLElement>(".b-popover button")];
  event.preventDefault();
  all[(all.indexOf(document.activeElement as HTMLElement) + way + all.length) % all.length]?.focus();
}

interface AskProps {
  title: string;
  children?: ReactNode;
  /** What is asked for; without it only yes or no. */
  field?: { label: string; value: string; hint?: string };
  yes: string;
  no?: string;
  onYes: (text: string) => Promise<string> | string;
  onNo: () => void;
}

/** `onYes` answers what is wrong, or "" when the dialog is to close. */
export function Ask({ title, children, field, yes, no = "Cancel", onYes, onNo }: AskProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [text, setText] = useState(field?.value ?? "");
  const [problem, setProblem] = useState("");
  const id = useId();
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    setProblem(await onYes(text.trim()));
  };
  return (
    <dialog ref={dialog} className="b-dialog panel" aria-labelledby={id} onCancel={(event) => (event.preventDefault(), onNo())}>
      <form onSubmit={submit}>
        <h2 id={id}>{title}</h2>
        {children}
        {field && (
          <label>
            <span>{field.label}</span>
            <input className="field" autoFocus value={text} maxLength={80} onChange={(event) => setText(event.target.value)} aria-invalid={problem ? true : undefined} />
            {field.hint && <small className="dim">{field.hint}</small>}
          </label>
        )}
        {problem && (
          <p className="b-bad" role="alert">
            {problem}
          </p>
        )}
        <div className="b-dialog-line">
          <button type="button" className="button" onClick={onNo}>
            {no}
          </button>
          <button className="button primary" disabled={!!field && !text.trim()}>
            {yes}
          </button>
        </div>
      </form>
    </dialog>
  );
}
