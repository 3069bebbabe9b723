/** Finds the instances in an image, one step at a time, with the decisions of ris_tf/inference/prediction.py. */

import { closerBox, fittingBox, place, sample } from "./resampling.js";

const LUMA = [0.299, 0.587, 0.114]; // ITU-R BT.601
const MEAN = [123.68, 116.779, 103.939].map((value) => value / 255); // mean colour of ImageNet, RGB
const PERCENTILES = [1, 99.8]; // these become 0 and 1 in grey images

/** Converts ImageData to an image for `sample`, normalised as in ris_tf/data/normalize.py. */
export function normalize({ data, width, height }, channels) {
  if (channels === 3) return { pixels: data, width, height, stride: 4, channels, scale: 1 / 255 };
  const pixels = new Float32Array(width * height);
  for (let to = 0, from = 0; to < pixels.length; to++, from += 4)
    pixels[to] = LUMA[0] * data[from] + LUMA[1] * data[from + 1] + LUMA[2] * data[from + 2];
  const sorted = pixels.toSorted();
  const [low, high] = PERCENTILES.map((share) => {
    const rank = (share / 100) * (sorted.length - 1);
    const below = sorted[Math.floor(rank)];
    return below + (rank - Math.floor(rank)) * (sorted[Math.ceil(rank)] - below);
  });
  const range = Math.max(high - low, 1e-6);
  pixels.forEach((value, index) => (pixels[index] = Math.min(Math.max((value - low) / range, 0), 2)));
  return { pixels, width, height, stride: 1, channels, scale: 1 };
}

/** The median colour of a normalised image, an array of `channels` numbers; it is put beside the image in a tile. */
export function background({ pixels, stride, channels, scale }) {
  return Array.from({ length: channels }, (_, channel) => {
    const sorted = pixels.filter((_, index) => index % stride === channel).toSorted();
    const middle = (sorted.length - 1) / 2;
    return ((sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2) * scale;
  });
}

/** The label map of one image, object by object. */
export class Instances {
  /** `predict` is the part "predict" of the model's config. Instances of fewer than `minArea` pixels are dropped. */
  constructor(height, width, predict, minArea = 0) {
    Object.assign(this, { height, width, predict, minArea: Math.max(minArea, 1) });
    this.steps = new Uint16Array(height * width); // 0, or 1 + the step to which the pixel belongs
    this.best = new Float32Array(height * width).fill(predict.mask_threshold);
    this.scores = [];
    this.areas = []; // pixels above the threshold, for each step
    this.left = [0]; // pixels that still belong to the step, at index 1 + step
  }

  /** Assigns the pixels of one more mask, which is a result of `place` (or null). */
  add(mask, score) {
    const step = this.scores.push(score);
    this.left.push(0);
    let area = 0;
    for (let y = 0, from = 0; mask && y < mask.height; y++) {
      let at = (mask.top + y) * this.width + mask.left;
      for (let x = 0; x < mask.width; x++, at++, from++) {
        const value = mask.values[from];
        if (value <= this.predict.mask_threshold) continue;
        area++;
        if (this.predict.overlap_rule === "first" ? this.steps[at] !== 0 : value <= this.best[at]) continue;
        this.left[this.steps[at]]--;
        this.left[step]++;
        this.steps[at] = step;
        this.best[at] = value;
      }
    }
    this.areas.push(area);
  }

  /** Label of each step, from index 1 on: 1..count, or 0 if the step repeats another or is too small. */
  get numbers() {
    const numbers = [0];
    let count = 0;
    this.areas.forEach((area, index) => {
      const left = this.left[index + 1];
      numbers.push(left >= this.minArea && left >= this.predict.min_visible * area ? ++count : 0);
    });
    return numbers;
  }

  get count() {
    return Math.max(...this.numbers);
  }

  /** Label map, Uint16Array of [height, width]: 0 background, 1..count. */
  get labels() {
    const { numbers } = this;
    return this.steps.map((step) => numbers[step]);
  }
}

/**
 * Finds the instances in an ImageData with a model of `runtime.js`. Yields the same Instances after every object found,
 * and once more at the end. A model of the "tiles" view sees the image as one tile, which is reduced to fit but
 * never enlarged.
 */
export async function* findInstances(model, picture) {
  const { model: network, data, predict } = model.config;
  const image = normalize(picture, network.channels);
  const size = [image.height, image.width];
  const tiled = data.view === "tiles";
  const instances = new Instances(...size, predict, predict.min_area);
  let beside = null;
  if (tiled) beside = background(image);
  else if (data.padding !== "edge")
    beside = network.channels === 3 ? MEAN : [MEAN.reduce((sum, value, index) => sum + value * LUMA[index], 0)];
  let box = fittingBox(...size, network.size, tiled ? 1 : 0);
  if (data.view === "focus") {
    const first = await model.look(sample(image, box, network.size, beside));
    first.close();
    box = closerBox(first.foreground, box, size, network.size, predict.zoom_limits[1]);
  }
  if (box) {
    const look = await model.look(sample(image, box, network.size, beside));
    try {
      for (let step = 0; step < network.steps; step++) {
        const { score, mask } = await look.step();
        if (!(score > predict.score_threshold)) break;
        instances.add(place(mask, box, size, predict.mask_threshold), score);
        yield instances;
      }
    } finally {
      look.close();
    }
  }
  yield instances;
}
