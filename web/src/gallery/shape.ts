// How the cells of the grid are formed.

/** The shape of a cell (width / height) that wastes the least on these images: that of the one in the middle. */
export function shapeOf(sizes: { width: number; height: number }[]): number {
  const ratios = sizes.filter(({ width, height }) => width > 0 && height > 0).map(({ width, height }) => width / height);
  if (!ratios.length) return 1;
  const middle = ratios.sort((a, b) => a - b)[ratios.length >> 1]!;
  const shapes = [2 / 3, 3 / 4, 1, 4 / 3, 3 / 2];
  return shapes.reduce((best, shape) => (Math.abs(Math.log(shape / middle)) < Math.abs(Math.log(best / middle)) ? shape : best));
}
