// Asks for the token, or the host's login, when the server wants one.

import { useState } from "react";
import { basic, session } from "./session";
import { useSignal } from "./signal";

export function SignIn() {
  const wanted = useSignal(session.wanted);
  const [withLogin, setWithLogin] = useState<boolean | null>(null);
  const [wrong, setWrong] = useState("");
  const [isBusy, setBusy] = useState(false);
  if (!wanted) return null;
  const isLogin = withLogin ?? wanted.withLogin;

  async function submit(form: FormData) {
    const text = (name: string) => String(form.get(name) ?? "").trim();
    setBusy(true);
    setWrong(await session.begin(isLogin ? basic(text("name"), text("password")) : `Bearer ${text("token")}`));
    setBusy(false);
  }

  return (
    <div className="scrim">
      <form
        className="panel signin"
        role="dialog"
        aria-modal="true"
        aria-labelledby="signin-title"
        onSubmit={(event) => {
          event.preventDefault();
          void submit(new FormData(event.currentTarget));
        }}
      >
        <h2 id="signin-title">{isLogin ? "Log in" : "This server asks for its token"}</h2>
        {isLogin ? (
          <>
            <input className="field" name="name" aria-label="Name" placeholder="Name" autoComplete="username" autoFocus />
            <input className="field" name="password" type="password" aria-label="Password" placeholder="Password" autoComplete="current-password" />
          </>
        ) : (
          <>
            <p className="dim">
              It is in the file <code>api_token</code> of the data folder, on the machine that the server runs on.
            </p>
            <input className="field" name="token" type="password" aria-label="Token" placeholder="Token" autoComplete="current-password" autoFocus />
          </>
        )}
        <p className="error" role="alert">{wrong}</p>
        <button className="button primary" disabled={isBusy}>Go on</button>
        {wanted.withLogin && (
          <button type="button" className="button quiet" onClick={() => setWithLogin(!isLogin)}>
            {isLogin ? "Use a token instead" : "Use the host's login instead"}
          </button>
        )}
      </form>
    </div>
  );
}
