export function GalleryView() {
  return <p className="empty">Soon.</p>;
}
