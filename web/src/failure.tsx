// What is left of a view whose drawing failed: the reason, and a way on. The other pages and the marks go on.

import { Component, type ReactNode } from "react";
import { messageOf } from "./api";

export class Failure extends Component<{ children: ReactNode }, { reason: unknown }> {
  override state = { reason: null };

  static getDerivedStateFromError(reason: unknown) {
    return { reason };
  }

  override render() {
    if (this.state.reason === null) return this.props.children;
    return (
      <div className="empty" role="alert">
        <p>This page failed: {messageOf(this.state.reason)}</p>
        <p>
          <button className="button" onClick={() => location.reload()}>
            Load it again
          </button>
        </p>
      </div>
    );
  }
}
