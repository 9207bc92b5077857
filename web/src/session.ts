// Who may ask: where the server wants a token or a login, a dialog asks for it once, POST /session makes a cookie of it,
// and whatever was asked meanwhile is asked again.

import { Signal } from "./signal";

export interface Wanted {
  /** The server takes a name and a password (Forge's --gradio-auth), not only a token. */
  withLogin: boolean;
}

class Session {
  readonly wanted = new Signal<Wanted | null>(null);
  private waiting: (() => void)[] = [];

  /** Resolves when there is a session; rejects only with the signal. */
  ask(challenge: string, signal?: AbortSignal): Promise<void> {
    if (!this.wanted.value) this.wanted.set({ withLogin: /basic/i.test(challenge) });
    return new Promise((resolve, reject) => {
      this.waiting.push(resolve);
      signal?.addEventListener("abort", () => reject(new DOMException("aborted", "AbortError")));
    });
  }

  /** Gives the token or login to the server. Answers what is wrong with it, or "". */
  async begin(authorization: string): Promise<string> {
    const address = new URL("../session", document.baseURI);
    let answer: Response;
    try {
      answer = await fetch(address, { method: "POST", headers: { Authorization: authorization } });
    } catch {
      return "The server does not answer.";
    }
    if (answer.status === 401 || answer.status === 403) return "The server does not accept that.";
    if (!answer.ok) return `The server answered ${answer.status}.`;
    this.wanted.set(null);
    for (const resolve of this.waiting.splice(0)) resolve();
    return "";
  }
}

export const session = new Session();

/** The header that stands for a name and a password, in UTF-8. */
export function basic(name: string, password: string): string {
  const bytes = new TextEncoder().encode(`${name}:${password}`);
  return "Basic " + btoa(String.fromCharCode(...bytes));
}
