// The pipeline builder: a chunk of its own, loaded when #/builder is first opened.

export default function Builder() {
  return <p className="empty">The builder is not here yet.</p>;
}
