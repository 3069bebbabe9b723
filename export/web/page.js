/** The page: takes an image by drop, file or camera, and shows outlines and the count as objects are found. */

import { likely } from "./count_range.js";
import { findInstances } from "./inference.js";
import { colour, draw } from "./overlay.js";
import { pictureOf } from "./picture.js";
import { open } from "./runtime.js";

const RUNTIMES = { litert: "LiteRT", onnxruntime: "ONNX Runtime" };
const TILES =
  "This model reads large images in tiles, but this page does not: it reduces the image to a single tile. " +
  "For images with more or smaller objects, use ris-predict.";

const element = (id) => document.getElementById(id);
const [canvas, video] = [element("canvas"), element("video")];
const later = () => new Promise((resolve) => setTimeout(resolve)); // lets the browser draw between two steps
let model = null;
let latest = 0; // number of the newest image; work on earlier ones is abandoned

const objects = (count) => `${count} object${count === 1 ? "" : "s"}`;

function tell(message) {
  element("error").textContent = message;
}

async function start() {
  try {
    model = await open(new URL(".", location.href), new URLSearchParams(location.search).get("runtime"));
  } catch (error) {
    element("hint").textContent = "";
    tell(`The model cannot be loaded. ${error.message}`);
    return;
  }
  element("model").textContent = model.config.name;
  element("hint").textContent = "Drop an image here, choose one, or use the camera.";
  element("note").textContent = model.config.data.view === "tiles" ? TILES : "";
  element("file").disabled = element("camera").disabled = false;
  document.documentElement.dataset.ready = model.name;
}

/** Counts the objects in a File, Blob or canvas; `name` is used in messages. */
async function count(source, name) {
  const mine = ++latest;
  tell("");
  let picture, orientation;
  try {
    ({ canvas: picture, orientation } = await pictureOf(source, name));
  } catch (error) {
    tell(error.message);
    return;
  }
  if (mine !== latest) return;
  const pixels = picture.getContext("2d").getImageData(0, 0, picture.width, picture.height);
  show(picture, null);
  element("status").textContent = "Counting …";
  await later();
  const begin = performance.now();
  let found = null;
  try {
    for await (found of findInstances(model, pixels)) {
      if (mine !== latest) return;
      show(picture, found);
      await later();
    }
  } catch (error) {
    tell(`${name}: the model failed: ${error.message ?? error}`);
    element("status").textContent = "";
    return;
  }
  if (mine !== latest) return;
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  const full = found.scores.length === model.config.model.steps ? " This is the model's limit; there may be more." : "";
  const between = full ? null : likely(found.count, model.config.predict.count_spread);
  const range = between ? ` (likely ${between[0]} to ${between[1]})` : "";
  const turned = orientation > 1 ? ` Shown upright; the file is stored turned (orientation ${orientation}).` : "";
  element("status").textContent =
    `${objects(found.count)}${range} in ${seconds} s by ${RUNTIMES[model.name]}, ` +
    `${picture.width} x ${picture.height} pixels.${full}${turned}`;
  list(found);
  document.documentElement.dataset.done = found.count;
}

function show(picture, instances) {
  element("hint").hidden = true;
  element("stage").classList.add("filled");
  canvas.hidden = false;
  draw(canvas, picture, instances);
  const number = instances?.count ?? 0;
  element("count").textContent = number;
  canvas.setAttribute("aria-label", `The image with ${objects(number)} outlined`);
  if (!instances) {
    element("objects").hidden = true;
    delete document.documentElement.dataset.done;
  }
}

function list(instances) {
  const rows = [];
  instances.numbers.forEach((number, step) => {
    if (!number) return;
    const row = document.createElement("tr");
    row.style.setProperty("--colour", `rgb(${colour(number).join(" ")})`);
    for (const text of [number, instances.scores[step - 1].toFixed(2), instances.left[step]])
      row.insertCell().textContent = text;
    rows.push(row);
  });
  element("objects").tBodies[0].replaceChildren(...rows);
  element("objects").hidden = !rows.length;
}

async function openCamera() {
  tell("");
  if (!navigator.mediaDevices?.getUserMedia) {
    tell("No camera available. It needs a page served over https or from localhost, and a browser that supports it.");
    return;
  }
  element("camera").disabled = true; // a second click would open a stream that is never closed
  try {
    video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    await video.play();
  } catch (error) {
    closeCamera();
    tell(`The camera cannot be used: ${error.message}`);
    return;
  } finally {
    element("camera").disabled = false;
  }
  latest++;
  cameraShown(true);
  element("shoot").focus();
}

function closeCamera() {
  video.srcObject?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
  cameraShown(false);
}

function cameraShown(on) {
  for (const id of ["video", "shoot", "cancel"]) element(id).hidden = !on;
  element("camera").hidden = element("result").hidden = on;
  const counted = element("stage").classList.contains("filled");
  element("hint").hidden = on || counted;
  canvas.hidden = on || !counted;
}

function shoot() {
  const size = [video.videoWidth, video.videoHeight].map((side) => Math.max(1, side)); // 0 before the first frame
  const picture = new OffscreenCanvas(...size);
  picture.getContext("2d").drawImage(video, 0, 0);
  closeCamera();
  count(picture, "camera");
}

function take(files) {
  if (!files.length) return;
  if (!model) return;
  if (video.srcObject) closeCamera();
  count(files[0], files[0].name);
}

element("file").addEventListener("change", ({ target }) => {
  take([...target.files]);
  target.value = ""; // allows choosing the same file again
});
element("camera").addEventListener("click", openCamera);
element("shoot").addEventListener("click", shoot);
element("cancel").addEventListener("click", closeCamera);
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    element("stage").classList.toggle("over", kind === "dragenter" || kind === "dragover");
    if (kind === "drop") take([...event.dataTransfer.files]);
  });
}
start();
