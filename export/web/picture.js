/** Pictures from files, upright: how a file is stored, and its pixels on a canvas. */

const LARGEST = 4096; // px per side; larger images are reduced first, because canvases on phones hold no more
const SMALLEST = 8; // px per side
const ORIENTATION = 0x112; // number of the field in EXIF data
const [EXIF, PNG_EXIF] = [0x45786966, 0x65584966]; // "Exif" and "eXIf"
const [APP1, SCAN] = [0xffe1, 0xffda]; // markers of a JPEG: a segment of an application, and the pixels

/**
 * Draws an image, upright and without applying colour profiles, on a canvas of at most LARGEST px per side.
 * Browsers turn photographs upright before a page sees them, so `orientation` (1 to 8; 1 unless a file is stored
 * turned) only tells how the file is stored.
 */
export async function pictureOf(source, name) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(source, { colorSpaceConversion: "none" });
  } catch {
    throw new Error(`${name}: this browser cannot read it as an image; choose a PNG, JPEG or WebP file`);
  }
  const { width, height } = bitmap;
  if (Math.min(width, height) < SMALLEST)
    throw new Error(`${name}: image is ${width}x${height} pixels; expected at least ${SMALLEST}x${SMALLEST}`);
  const factor = Math.min(1, LARGEST / Math.max(width, height));
  const canvas = new OffscreenCanvas(...[width, height].map((side) => Math.max(1, Math.round(side * factor))));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return { canvas, orientation: source instanceof Blob ? orientationOf(await source.arrayBuffer()) : 1 };
}

/** EXIF orientation of the bytes of a JPEG or PNG, 1 to 8; 1 if there is none. */
export function orientationOf(buffer) {
  const view = new DataView(buffer);
  try {
    if (view.getUint16(0) === 0xffd8) return inJpeg(view);
    if (view.getUint32(0) === 0x89504e47) return inPng(view);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // the EXIF data, or the file, end too early
  }
  return 1;
}

function inJpeg(view) {
  for (let at = 2; view.getUint16(at) !== SCAN; at += 2 + view.getUint16(at + 2))
    if (view.getUint16(at) === APP1 && view.getUint32(at + 4) === EXIF) return inTiff(view, at + 10);
  return 1;
}

function inPng(view) {
  for (let at = 8; at < view.byteLength; at += 12 + view.getUint32(at))
    if (view.getUint32(at + 4) === PNG_EXIF) return inTiff(view, at + 8);
  return 1;
}

function inTiff(view, start) {
  const little = view.getUint16(start) === 0x4949;
  const list = start + view.getUint32(start + 4, little);
  const number = view.getUint16(list, little);
  for (let at = list + 2; at < list + 2 + 12 * number; at += 12) {
    if (view.getUint16(at, little) !== ORIENTATION) continue;
    const value = view.getUint16(at + 8, little);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}
