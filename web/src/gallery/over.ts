// What lies over the grid, as one chunk.

export { Compare } from "./compare";
export { Help } from "./help";
export { Lightbox } from "./lightbox";
