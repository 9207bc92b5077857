// Which folders the gallery looks into, and how far it is with looking.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { get, messageOf, post } from "../api";
import { complain } from "../toasts";
import type { Folders } from "../types";

export function FoldersView() {
  return (
    <div className="page">
      <h1>Folders</h1>
      <p className="dim">Images are read and never changed. Folders that are known are watched: what comes into them appears.</p>
      <FoldersPanel />
      <p className="dim">
        Any other folder is added on the command line, and removed there: <code>orchestrator gallery add ~/pictures</code>, <code>orchestrator gallery remove ~/pictures</code>.
      </p>
    </div>
  );
}

export function FoldersPanel() {
  const client = useQueryClient();
  const { data, error } = useQuery({
    queryKey: ["folders"],
    queryFn: ({ signal }) => get<Folders>("gallery/folders", {}, signal),
    refetchInterval: ({ state }) => (state.data?.indexing.running ? 800 : false),
    staleTime: 0,
  });
  const send = (path: string, body: unknown) =>
    post<Folders>(path, body).then(
      () => client.invalidateQueries({ queryKey: ["folders"] }),
      (reason: unknown) => complain(messageOf(reason)),
    );
  if (!data) return <p className="dim">{error ? messageOf(error) : "…"}</p>;
  const { running, done, total, read, message } = data.indexing;
  return (
    <div className="folders">
      {data.folders.map(({ path, images }) => (
        <div key={path} className="folder">
          <code>{path}</code>
          <span className="dim">{images === null ? "" : `${images.toLocaleString()} images`}</span>
        </div>
      ))}
      {data.offered.map(({ name, path }) => (
        <div key={name} className="folder">
          <code>{path}</code>
          <button className="button" onClick={() => void send("gallery/folders", { offered: name })}>
            Add
          </button>
        </div>
      ))}
      {!data.folders.length && !data.offered.length && (
        <div className="folder">
          <code>orchestrator gallery add ~/ComfyUI/output</code>
        </div>
      )}
      {running ? (
        <div className="indexing" role="status">
          <progress aria-label="Looking at the folders" value={total ? done : undefined} max={total || undefined} />
          <span className="dim">
            {total ? `${done.toLocaleString()} of ${total.toLocaleString()} files` : "Looking…"}
            {read > 0 && `, ${read.toLocaleString()} read`}
          </span>
        </div>
      ) : (
        data.folders.length > 0 && (
          <div className="indexing">
            <button className="button" onClick={() => void send("gallery/index", {})}>
              Look again
            </button>
            <span className="dim">{message}</span>
          </div>
        )
      )}
    </div>
  );
}
