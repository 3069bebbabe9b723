/**
 * Resamples boxes of an image to a given size and masks back to pixels, and finds the box of the objects. Same as
 * ris_tf/inference/resampling.py and ris_tf/data/focus.py. A box is [top, left, height, width] in pixels.
 */

const SHARE = 0.86; // share of the closer view's height or width that all objects together fill
const LOST = 0.002; // share of the foreground on each side that is taken for specks and left outside
const LEAST = 1; // smallest foreground that counts as an object, in cells

export const clip = (value, low, high) => Math.min(Math.max(value, low), high);

/**
 * Weights with which `outputs` equal cells of a span average the `inputs` pixels of an axis.
 * Returns {first, weights, inside} for each cell: its first pixel, the weights of its pixels, and whether its centre is
 * on the axis.
 */
export function axisWeights(start, length, inputs, outputs) {
  const cell = length / outputs;
  const width = Math.max(cell, 1);
  return Array.from({ length: outputs }, (_, index) => {
    const centre = start + (index + 0.5) * cell;
    const [low, high] = [centre - width / 2, centre + width / 2];
    const first = clip(Math.floor(low), 0, inputs - 1);
    const last = clip(Math.ceil(high) - 1, first, inputs - 1);
    const weights = Float64Array.from({ length: last - first + 1 }, (_, offset) => {
      const pixel = first + offset;
      const left = pixel === 0 ? -Infinity : pixel; // the first and last pixel extend beyond the ends
      const right = pixel === inputs - 1 ? Infinity : pixel + 1;
      return Math.max(Math.min(high, right) - Math.max(low, left), 0) / width;
    });
    return { first, weights, inside: centre >= 0 && centre <= inputs };
  });
}

/** The smallest box with the proportions of `size` that contains an image, placed at its top left. */
export function fittingBox(height, width, size, least = 0) {
  const scale = Math.max(height / size[0], width / size[1], least);
  return [0, 0, size[0] * scale, size[1] * scale];
}

/**
 * Resamples a box of an image {pixels, height, width, stride, channels, scale}. The first `channels` of every `stride`
 * values are used, multiplied by `scale`. `beside` is the colour outside the image; null repeats the edge pixels.
 * Returns a Float32Array of [...size, channels].
 */
export function sample(image, box, size, beside) {
  const { pixels, stride, channels, scale } = image;
  const rows = axisWeights(box[0], box[2], image.height, size[0]);
  const columns = axisWeights(box[1], box[3], image.width, size[1]);
  const left = columns[0].first;
  const right = columns.at(-1).first + columns.at(-1).weights.length;
  const line = new Float64Array((right - left) * channels);
  const result = new Float32Array(size[0] * size[1] * channels);
  let at = 0;
  for (const row of rows) {
    line.fill(0);
    row.weights.forEach((weight, offset) => {
      let from = ((row.first + offset) * image.width + left) * stride;
      for (let to = 0; to < line.length; from += stride)
        for (let channel = 0; channel < channels; channel++) line[to++] += weight * pixels[from + channel];
    });
    for (const column of columns) {
      for (let channel = 0; channel < channels; channel++, at++) {
        if (beside && !(row.inside && column.inside)) {
          result[at] = beside[channel];
          continue;
        }
        let sum = 0;
        let from = (column.first - left) * channels + channel;
        for (const weight of column.weights) {
          sum += weight * line[from];
          from += channels;
        }
        result[at] = sum * scale;
      }
    }
  }
  return result;
}

/**
 * Resamples a mask {values, height, width} of a box to the pixels of an image of `size`, only where the result can be
 * above `threshold`. Returns {top, left, height, width, values}, or null if there is no such place.
 */
export function place(mask, box, size, threshold) {
  const found = [[Infinity, -1], [Infinity, -1]]; // first and last cell of each axis
  mask.values.forEach((value, index) => {
    if (value <= threshold) return;
    [Math.floor(index / mask.width), index % mask.width].forEach((cell, axis) => {
      found[axis] = [Math.min(found[axis][0], cell), Math.max(found[axis][1], cell)];
    });
  });
  const axes = [mask.height, mask.width].map((cells, axis) => {
    const [start, length, pixels] = [box[axis], box[2 + axis], size[axis]];
    const all = axisWeights((-start * cells) / length, (pixels * cells) / length, cells, pixels);
    const [low, high] = found[axis];
    const reaches = ({ first, weights, inside }) => inside && first <= high && first + weights.length > low;
    const begin = all.findIndex(reaches);
    return begin < 0 ? null : { begin, cells: all.slice(begin, all.findLastIndex(reaches) + 1) };
  });
  if (axes.includes(null)) return null;
  const [down, across] = axes;
  const [height, width] = [down.cells.length, across.cells.length];
  const lines = new Float64Array(mask.height * width);
  for (let y = 0; y < mask.height; y++) {
    across.cells.forEach(({ first, weights }, x) => {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k] * mask.values[y * mask.width + first + k];
      lines[y * width + x] = sum;
    });
  }
  const values = new Float32Array(height * width);
  down.cells.forEach(({ first, weights }, y) => {
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k] * lines[(first + k) * width + x];
      values[y * width + x] = sum;
    }
  });
  return { top: down.begin, left: across.begin, height, width, values };
}

/**
 * The box for the closer look, around the objects that `foreground` {values, height, width} shows in `box`.
 * `image` and `size` are [height, width] of the image and of the network's input; `closest` is
 * the largest number of network pixels per image pixel. Returns null if there is no object.
 */
export function closerBox(foreground, box, image, size, closest) {
  const cells = [foreground.height, foreground.width];
  const inside = cells.map((count, axis) =>
    Array.from({ length: count }, (_, cell) => clip(((image[axis] - box[axis]) * count) / box[2 + axis] - cell, 0, 1)),
  );
  const sums = cells.map((count) => new Float64Array(count));
  let total = 0;
  foreground.values.forEach((value, index) => {
    const [y, x] = [Math.floor(index / cells[1]), index % cells[1]];
    const found = Math.max(2 * value - 1, 0) * inside[0][y] * inside[1][x];
    sums[0][y] += found;
    sums[1][x] += found;
    total += found;
  });
  if (total < LEAST) return null;
  const spans = sums.map((sum, axis) =>
    [LOST, 1 - LOST].map((share) => box[axis] + (box[2 + axis] / sum.length) * quantile(sum, total, share)),
  );
  const wanted = Math.max(...spans.map(([start, end], axis) => (end - start) / SHARE / size[axis]));
  const scale = Math.min(Math.max(wanted, 1 / closest), Math.max(image[0] / size[0], image[1] / size[1]));
  const lengths = size.map((length) => length * scale);
  const starts = spans.map(([start, end], axis) =>
    clip((start + end - lengths[axis]) / 2, 0, Math.max(0, image[axis] - lengths[axis])),
  );
  return [...starts, ...lengths];
}

/** Number of cells, including a fraction of the last one, in which a share of the total is reached. */
function quantile(sum, total, share) {
  let [before, cells] = [0, 0];
  for (const value of sum) {
    cells += clip((share - before) / Math.max(value / total, 1e-9), 0, 1);
    before += value / total;
  }
  return cells;
}
