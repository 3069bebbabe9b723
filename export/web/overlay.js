/** Draws instances over their image: light fills, outlines and numbers, as in ris_tf/instances/visualize.py. */

const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;
const SHOWN = [768, 1280]; // px, limits of the drawing's longest side; images are enlarged or reduced to them
const FILL = 64; // opacity inside an object, of 255
const OUTLINE = 3; // px, width of an outline in the drawing

/** [red, green, blue] for an object's number; the colours of successive numbers differ most. */
export function colour(number) {
  const hue = (0.55 + (number - 1) * GOLDEN_RATIO) % 1;
  const [saturation, value] = [[0.8, 1], [0.9, 0.92], [0.55, 1]][(number - 1) % 3];
  return [5, 3, 1].map((offset) => {
    const k = (offset + hue * 6) % 6;
    return Math.round(255 * value * (1 - saturation * Math.max(0, Math.min(k, 4 - k, 1))));
  });
}

/** Draws a picture (ImageBitmap or canvas) on a canvas, with the Instances found in it so far (or null). */
export function draw(canvas, picture, instances) {
  const longest = Math.max(picture.width, picture.height);
  const factor = Math.min(Math.max(longest, SHOWN[0]), SHOWN[1]) / longest;
  const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * factor)));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.drawImage(picture, 0, 0, width, height);
  if (!instances?.count) return;
  const labels = enlarged(instances, width, height);
  const layer = new OffscreenCanvas(width, height);
  layer.getContext("2d").putImageData(painted(labels, width, height, instances.count), 0, 0);
  context.drawImage(layer, 0, 0);
  write(context, centres(labels, width, instances.count));
}

function enlarged({ labels, width, height }, toWidth, toHeight) {
  const result = new Uint16Array(toWidth * toHeight);
  for (let y = 0, at = 0; y < toHeight; y++) {
    const row = Math.floor(((y + 0.5) * height) / toHeight) * width;
    for (let x = 0; x < toWidth; x++, at++) result[at] = labels[row + Math.floor(((x + 0.5) * width) / toWidth)];
  }
  return result;
}

function painted(labels, width, height, count) {
  const colours = Array.from({ length: count }, (_, index) => colour(index + 1));
  const image = new ImageData(width, height);
  labels.forEach((label, at) => {
    if (!label) return;
    const [x, y] = [at % width, Math.floor(at / width)];
    let edge = false;
    for (let k = 1; k <= OUTLINE; k++) {
      edge ||= x < k || labels[at - k] !== label || x + k >= width || labels[at + k] !== label;
      edge ||= y < k || labels[at - k * width] !== label || y + k >= height || labels[at + k * width] !== label;
    }
    image.data.set(colours[label - 1], 4 * at);
    image.data[4 * at + 3] = edge ? 255 : FILL;
  });
  return image;
}

/**
 * [x, y] at which the number of each object is written: its centre of mass or, if that lies outside the object, the
 * middle of its longest run of pixels. null for an object that has no pixel in the reduced drawing.
 */
function centres(labels, width, count) {
  const sums = Array.from({ length: count + 1 }, () => ({ x: 0, y: 0, area: 0, run: 0, middle: null }));
  for (let at = 0, run = 0; at < labels.length; at++) {
    const [x, y] = [at % width, Math.floor(at / width)];
    run = x && labels[at - 1] === labels[at] ? run + 1 : 1;
    const sum = sums[labels[at]];
    sum.x += x;
    sum.y += y;
    sum.area++;
    if (run > sum.run) Object.assign(sum, { run, middle: [x - run / 2, y] });
  }
  return sums.slice(1).map(({ x, y, area, middle }, index) => {
    const [column, row] = [Math.round(x / area), Math.round(y / area)];
    return labels[row * width + column] === index + 1 ? [column, row] : middle;
  });
}

function write(context, places) {
  const size = Math.max(context.canvas.width, context.canvas.height) / 28;
  Object.assign(context, { textAlign: "center", textBaseline: "middle", lineJoin: "round", lineWidth: size / 4 });
  context.font = `bold ${size}px system-ui, sans-serif`;
  context.strokeStyle = "#141414";
  context.fillStyle = "#fff";
  places.forEach((place, index) => {
    if (!place) return;
    context.strokeText(index + 1, ...place);
    context.fillText(index + 1, ...place);
  });
}
