// The other pages, as one chunk.

export { FoldersView } from "./folders";
export { GridsView } from "./grids";
export { StoriesView } from "./stories";
