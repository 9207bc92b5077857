// Nothing to show: why, and what to do.

import type { ApiError } from "../api";
import { hrefOf } from "../route";
import { FoldersPanel } from "./folders";

export function Empty({ query, problem, isTold, onClear }: { query: string; problem: ApiError | null; isTold: boolean; onClear: () => void }) {
  if (problem?.isOffline)
    return (
      <p className="empty" role="status">
        The server does not answer. It is asked again every few seconds.
      </p>
    );
  if (isTold) return null;
  if (problem)
    return (
      <p className="empty" role="status">
        {problem.message}
      </p>
    );
  if (query)
    return (
      <div className="empty">
        <p>Nothing is found.</p>
        <p>
          <button className="button" onClick={onClear}>
            Show all images
          </button>
        </p>
      </div>
    );
  return (
    <div className="empty start">
      <h2>No images yet</h2>
      <p>Every image that a run makes appears here by itself. Those that you have already come from folders:</p>
      <FoldersPanel />
      <p>
        <a href={hrefOf("folders")}>More on folders</a>
      </p>
    </div>
  );
}
