// Small choices of a person that last: the size of thumbnails, whether a panel is open.

export function remembered<T>(name: string, otherwise: T): T {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(`orchestrator.${name}`) ?? "null");
    return typeof value === typeof otherwise ? (value as T) : otherwise;
  } catch {
    return otherwise;
  }
}

export function remember(name: string, value: unknown): void {
  try {
    localStorage.setItem(`orchestrator.${name}`, JSON.stringify(value));
  } catch {
    // Storage may be forbidden in a frame; the choice then lasts as long as the page.
  }
}
