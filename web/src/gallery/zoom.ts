// Zoom and pan, by wheel, drag, two fingers, double click and keys. One Zoom may be shown by several panes at once
// (compare): it is a share of the pane's size, not pixels, so panes of different sizes show the same part.

export class Zoom {
  /** 1 is "fits". x and y: how far the middle is moved, in widths and heights of the pane. */
  scale = 1;
  x = 0;
  y = 0;
  private listeners = new Set<() => void>();

  get isFit(): boolean {
    return this.scale <= 1.001;
  }

  set(scale: number, x: number, y: number): void {
    this.scale = Math.min(16, Math.max(1, scale));
    const most = (this.scale - 1) / 2;
    this.x = Math.min(most, Math.max(-most, x));
    this.y = Math.min(most, Math.max(-most, y));
    for (const listener of this.listeners) listener();
  }

  /** Keeps what is under (px, py), in shares of the pane from its middle, where it is. */
  by(factor: number, px = 0, py = 0): void {
    const scale = Math.min(16, Math.max(1, this.scale * factor));
    const real = scale / this.scale;
    this.set(scale, px - (px - this.x) * real, py - (py - this.y) * real);
  }

  toggle(px = 0, py = 0, close = 3): void {
    if (this.isFit) this.by(close, px, py);
    else this.set(1, 0, 0);
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

export interface Gestures {
  onSwipe?: (direction: "left" | "right" | "down") => void;
  onTap?: () => void;
}

/** Puts the gestures on the pane and the zoom on what is in it. Answers what takes both away. */
export function attachZoom(pane: HTMLElement, inner: HTMLElement, zoom: Zoom, { onSwipe, onTap }: Gestures): () => void {
  const show = () => {
    inner.style.transform = `translate(${zoom.x * 100}%, ${zoom.y * 100}%) scale(${zoom.scale})`;
    pane.dataset.zoomed = zoom.isFit ? "" : "yes";
  };
  const share = (x: number, y: number): [number, number] => {
    const box = pane.getBoundingClientRect();
    return [(x - box.left) / box.width - 0.5, (y - box.top) / box.height - 0.5];
  };
  const fingers = new Map<number, { x: number; y: number }>();
  let start = { x: 0, y: 0, time: 0, moved: false, many: false };
  let lastTap = 0;

  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    zoom.by(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0022)), ...share(event.clientX, event.clientY));
  };
  const down = (event: PointerEvent) => {
    if (event.button !== 0 || (event.target as Element).closest("button")) return;
    pane.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (fingers.size === 1) start = { x: event.clientX, y: event.clientY, time: event.timeStamp, moved: false, many: false };
    else start.many = true;
  };
  const move = (event: PointerEvent) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = { x: event.clientX, y: event.clientY };
    const others = [...fingers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    fingers.set(event.pointerId, now);
    if (Math.hypot(now.x - start.x, now.y - start.y) > 6) start.moved = true;
    const other = others[0];
    if (other) {
      const factor = Math.hypot(now.x - other.x, now.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
      zoom.by(factor, ...share((now.x + other.x) / 2, (now.y + other.y) / 2));
    } else if (!zoom.isFit) {
      const { width, height } = pane.getBoundingClientRect();
      zoom.set(zoom.scale, zoom.x + (now.x - before.x) / width, zoom.y + (now.y - before.y) / height);
    } else if (event.pointerType === "touch") inner.style.transform = `translate(${now.x - start.x}px, ${Math.max(0, now.y - start.y) / 3}px)`;
  };
  const up = (event: PointerEvent) => {
    if (!fingers.delete(event.pointerId) || fingers.size) return;
    const dx = event.clientX - start.x;
    const dy = event.clientY - start.y;
    if (!start.moved && event.type === "pointerup") {
      const isDouble = event.timeStamp - lastTap < 320;
      lastTap = isDouble ? 0 : event.timeStamp;
      if (isDouble) zoom.toggle(...share(event.clientX, event.clientY));
      else onTap?.();
    } else if (zoom.isFit && !start.many && event.pointerType === "touch") {
      if (Math.abs(dx) > 50 && Math.abs(dx) > Math.abs(dy)) onSwipe?.(dx < 0 ? "left" : "right");
      else if (dy > 90 && dy > Math.abs(dx)) onSwipe?.("down");
    }
    show();
  };
  const off = zoom.subscribe(show);
  pane.addEventListener("wheel", wheel, { passive: false });
  pane.addEventListener("pointerdown", down);
  pane.addEventListener("pointermove", move);
  pane.addEventListener("pointerup", up);
  pane.addEventListener("pointercancel", up);
  show();
  return () => {
    off();
    pane.removeEventListener("wheel", wheel);
    pane.removeEventListener("pointerdown", down);
    pane.removeEventListener("pointermove", move);
    pane.removeEventListener("pointerup", up);
    pane.removeEventListener("pointercancel", up);
  };
}
