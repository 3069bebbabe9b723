"""The page in the browser: the decisions of ris_tf.inference.prediction and the counts of ris_tf.runtime."""

import base64
import functools
import http.server
import io
import json
import shutil
import threading

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image
from skimage import data as photographs

from ris_tf import RIS, runtime
from ris_tf.data.images.orientation import orientation_of, upright
from ris_tf.data.normalize import normalize
from ris_tf.data.synthetic import drawings
from ris_tf.evaluation.count_range import likely
from ris_tf.export import artifact, card
from ris_tf.export.formats import to_web
from ris_tf.export.graph import Graph
from ris_tf.files.writing import write_text
from ris_tf.inference.looks import resolve
from ris_tf.inference.prediction import predict_instances
from ris_tf.inference.resampling import sample

CHROMIUM = shutil.which("chromium")
NODE_MODULES = ROOT / "node_modules"
SECONDS = 60_000  # ms, what the page may take


@pytest.fixture(scope="module")
def browser():
    library = pytest.importorskip("playwright.sync_api", reason="Playwright drives the browser; pip install playwright")
    if not CHROMIUM:
        pytest.skip("no chromium on the PATH (Debian: apt-get install chromium)")
    camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with library.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *camera])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def served():
    """A function: folder -> address."""
    servers = []

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    def serve(folder):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}/"

    yield serve
    for server in servers:
        server.shutdown()


@pytest.fixture(scope="module")
def bare(browser, served):
    """The page without a model."""
    page = browser.new_page()
    page.goto(served(to_web.PAGE))
    page.wait_for_function("document.getElementById('error').textContent")
    yield page
    page.close()


def test_page_without_its_model_says_so(bare):
    assert bare.inner_text("#error").startswith("The model cannot be loaded. ris_tf.json: 404")
    assert bare.is_disabled("#file") and bare.is_disabled("#camera")


SEEN = """async ([address, name]) => {
  const {pictureOf, orientationOf} = await import("./picture.js");
  const file = new File([await (await fetch(address)).blob()], name);
  const {canvas, orientation} = await pictureOf(file, name);
  const {data, width, height} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const bytes = await file.arrayBuffer();
  const cut = [0, 1, 9, 30, 40, 60].map((length) => orientationOf(bytes.slice(0, length)));
  return {orientation, cut, width, height, pixels: [...data]};
}"""


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("endian", [">", "<"])
def test_turned_photographs_are_seen_upright(bare, tmp_path, kind, endian):
    image = np.kron(np.random.default_rng(0).integers(0, 256, (3, 5, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif.endian, exif[271], exif[274] = endian, "Maker", orientation
        how = {"quality": 100, "subsampling": 0, "comment": b"x" * 70} if kind == "JPEG" else {}
        content = io.BytesIO()
        Image.fromarray(image).save(content, kind, exif=exif, **how)
        (tmp_path / "a").write_bytes(content.getvalue())
        assert orientation_of(tmp_path / "a") == orientation
        address = f"data:image/{kind.lower()};base64,{base64.b64encode(content.getvalue()).decode()}"
        found = bare.evaluate(SEEN, [address, "a"])
        right = upright(image, orientation).astype(int)
        assert found["orientation"] == orientation and set(found["cut"]) <= {1, orientation}
        seen = np.reshape(found["pixels"], (found["height"], found["width"], 4))[..., :3]
        assert seen.shape == right.shape and np.abs(seen - right).max() <= 3


def test_likely_ranges_are_those_of_python(bare):
    counts, spreads = list(range(0, 300, 7)), [0.0, 0.001, 0.3, 1.206]
    order = "async ([counts, spreads]) => { const {likely} = await import('./count_range.js');"
    order += " return spreads.map((spread) => counts.map((count) => likely(count, spread))); }"
    found = bare.evaluate(order, [counts, spreads])
    for spread, row in zip(spreads, found, strict=True):
        assert row == [list(likely(count, spread) or ()) or None for count in counts]


FAKE = """async ({config, pixels, width, height, masks, scores, foreground}) => {
  const {findInstances} = await import("./inference.js");
  const given = [];
  const plane = (rows) => ({values: Float32Array.from(rows.flat()), height: rows.length, width: rows[0].length});
  const look = async (input) => {
    given.push([...input]);
    let step = 0;
    return {foreground: plane(foreground), close() {},
            step: async () => ({score: scores[step], mask: plane(masks[step++])})};
  };
  const counts = [];
  let found;
  const image = new ImageData(Uint8ClampedArray.from(pixels), width, height);
  for await (found of findInstances({config, look}, image)) counts.push(found.count);
  const kept = found.scores.filter((_, step) => found.numbers[step + 1]);
  return {given, counts, labels: [...found.labels], scores: kept};
}"""


def blobs(number, side):
    """Smooth masks that overlap: float32 [number, side, side]."""
    y, x = np.mgrid[:side, :side]
    rng = np.random.default_rng(1)
    places = rng.uniform((0.05, 0.05), (0.3, 0.6), [number, 2]) * side  # of which every image shows a part
    near = [np.exp(-((y - row) ** 2 + (x - column) ** 2) / rng.uniform(4, 16)) for row, column in places]
    return (1.2 * np.stack(near)).clip(0, 1).astype(np.float32)


def ask(page, config, image, masks, scores, foreground):
    pixels = np.concatenate([np.broadcast_to(image, (*image.shape[:2], 3)), np.full([*image.shape[:2], 1], 255)], 2)
    order = {"config": json.loads(json.dumps(config.to_dict())), "pixels": pixels.ravel().tolist()}
    order |= {"height": image.shape[0], "width": image.shape[1], "foreground": foreground.tolist()}
    return page.evaluate(FAKE, {**order, "masks": masks.tolist(), "scores": scores.tolist()})


@pytest.mark.parametrize("view", ["whole", "focus"])
@pytest.mark.parametrize(
    ("shape", "channels", "padding", "rule"),
    [((50, 90), 3, "edge", "best"), ((150, 97), 3, "mean", "first"), ((64, 200), 1, "mean", "best")],
)
def test_decisions_are_those_of_python(bare, small, view, shape, channels, padding, rule):
    small.model.update({"channels": channels, "steps": 7})
    small.data.update({"view": view, "padding": padding})
    small.predict.update({"overlap_rule": rule, "zoom_limits": (0.25, 0.8 if rule == "first" else 4.0)})
    image = np.random.default_rng(0).integers(0, 256, [*shape, channels]).astype(np.uint8)
    masks = blobs(7, 32)
    foreground = masks.max(axis=0)
    masks[4] = masks[2] * 0.9  # repeats another, and is dropped
    scores = np.array([0.9, 0.8, 0.95, 0.7, 0.6, 0.9, 0.5], np.float32)  # the last one is not above 0.5
    given = []

    def look(images):
        given.append(images[0])
        return masks[None], scores[None]

    expected = predict_instances(look, small, image, foreground=lambda images: foreground[None])
    found = ask(bare, small, image, masks, scores, foreground)
    np.testing.assert_allclose(np.reshape(found["given"][-1], given[0].shape), given[0], atol=2e-5)
    np.testing.assert_array_equal(np.reshape(found["labels"], shape), expected.labels)
    np.testing.assert_allclose(found["scores"], expected.scores)
    assert 2 <= expected.count < 6 and found["counts"][0] == 1 and found["counts"][-1] == expected.count
    nothing = ask(bare, small, image, masks, scores * 0, foreground * (view == "whole"))
    assert nothing["counts"] == [0] and not any(nothing["labels"])


@pytest.mark.parametrize("shape", [(40, 30), (90, 128)])
def test_tiles_are_one_tile_that_is_never_enlarged(bare, small, shape):
    small.data.view, small.predict.min_area = "tiles", 30
    image = np.random.default_rng(0).integers(0, 256, [*shape, 3]).astype(np.uint8)
    masks, scores = blobs(4, 32), np.full(4, 0.9, np.float32)
    scale = max(1, max(shape) / 64)
    box = (0, 0, 64 * scale, 64 * scale)
    found = ask(bare, small, image, masks, scores, masks[0])
    pixels = normalize(image, 3)
    expected = sample(pixels, box, (64, 64), np.median(pixels, axis=(0, 1)))
    np.testing.assert_allclose(np.reshape(found["given"][0], expected.shape), expected, atol=1e-5)
    labels = resolve(masks, scores, shape, small.predict, None, box)[0]
    large = [number for number in range(1, labels.max() + 1) if (labels == number).sum() >= 30]
    renumbered = sum(index * (labels == number) for index, number in enumerate(large, 1))
    np.testing.assert_array_equal(np.reshape(found["labels"], shape), renumbered)


def test_an_object_that_a_smaller_drawing_loses_has_no_number(bare):
    written = bare.evaluate(
        """async () => {
          const {draw} = await import("./overlay.js");
          const [width, height, written] = [2560, 2560, []];
          const labels = new Uint16Array(width * height);
          for (let row = 100 * width; row < 202 * width; row += width)
            labels.fill(1, row + 300, row + 402).fill(3, row + 800, row + 902);
          labels[500 * width + 500] = 2;
          const canvas = document.createElement("canvas");
          canvas.getContext("2d").fillText = (...text) => written.push(text);
          draw(canvas, new OffscreenCanvas(width, height), {labels, width, height, count: 3});
          return written;
        }"""
    )
    assert written == [[1, 175, 75], [3, 425, 75]]


def test_a_second_click_on_the_camera_opens_no_second_stream(bare):
    opened = bare.evaluate(
        """async () => {
          let opened = 0;
          navigator.mediaDevices.getUserMedia = async () => {
            opened++;
            throw new Error("none");
          };
          const camera = document.getElementById("camera");
          camera.disabled = false;
          camera.click();
          camera.click();
          await new Promise((resolve) => setTimeout(resolve, 50));
          return [opened, camera.disabled];
        }"""
    )
    assert opened == [1, False]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the rosettes preset, and the path of its .tflite file."""
    if not NODE_MODULES.is_dir():
        pytest.skip("no node_modules; run npm install")
    exported = tmp_path_factory.mktemp("exported")
    order = {"model": "rosettes", "size": None, "steps": None, "quantize": "none"}
    for converter in ("to_litert", "to_onnx"):
        artifact.convert(converter, order, exported)
    write_text(exported / "metadata.json", card.to_json(card.metadata(Graph(RIS.from_preset("rosettes")), [])))
    to_web.write(exported, exported / "web", NODE_MODULES)
    return exported / "web", exported / "model.tflite"


def pictures(folder):
    """Drawn plants of several sizes as PNG and JPEG, and a photograph: list of Path."""
    files = []
    for index, side in enumerate((200, 256, 300, 384, 512, 700)):
        image = drawings.sample("rosettes", 5, index, side)[0][: side - 40 * (index % 3)]
        files.append(folder / f"plant{index}.{'jpg' if index == 3 else 'png'}")
        Image.fromarray(image).save(files[-1], quality=95)
    Image.fromarray(photographs.coins()).save(folder / "coins.png")
    Image.new("RGB", (300, 200)).save(folder / "nothing.png")
    return [*files, folder / "coins.png", folder / "nothing.png"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["litert", "onnxruntime"])
def test_counts_are_those_of_python(browser, served, site, tmp_path, name):
    folder, file = site
    model, page, asked = runtime.load(file, threads=1), browser.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.add_init_script(
        "window.shown = []; addEventListener('load', () => new MutationObserver(() => shown.push(+count.textContent))"
        ".observe(document.getElementById('count'), {childList: true}))"
    )
    address = served(folder)
    if name == "onnxruntime":  # falls back to it
        page.route("**/model.tflite", lambda route: route.abort())
    page.goto(address)
    page.wait_for_selector(f"html[data-ready={name}]", state="attached", timeout=SECONDS)
    counts = []
    for path in pictures(tmp_path):
        page.evaluate("shown.length = 0; delete document.documentElement.dataset.done")
        page.set_input_files("#file", path)
        page.wait_for_selector("html[data-done]", state="attached", timeout=SECONDS)
        expected = model.predict_instances(runtime_image(path)).count
        assert int(page.inner_text("#count")) == expected, path.name
        assert page.inner_text("#status").startswith(f"{expected} object")
        assert page.locator("#objects tbody tr").count() == expected
        assert set(range(1, expected + 1)) <= set(page.evaluate("shown")), "not shown step by step"
        counts.append(expected)
    assert counts[-1] == 0 and len(set(counts)) > 3
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    page.close()


def runtime_image(path):
    with Image.open(path) as image:
        return np.array(image)


@pytest.mark.slow
def test_drop_camera_and_errors(browser, served, site, tmp_path):
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(served(site[0]))
    page.wait_for_selector("html[data-ready]", state="attached", timeout=SECONDS)
    (tmp_path / "words.png").write_text("no image")
    page.set_input_files("#file", tmp_path / "words.png")
    page.wait_for_function("document.getElementById('error').textContent")
    assert page.inner_text("#error").startswith("words.png: this browser cannot read it as an image")
    Image.new("RGB", (7, 90)).save(tmp_path / "thin.png")
    page.set_input_files("#file", tmp_path / "thin.png")
    page.wait_for_function("document.getElementById('error').textContent.startsWith('thin.png: image is 7x90 pixels')")
    page.evaluate(
        """async () => {
          const canvas = new OffscreenCanvas(300, 200);
          canvas.getContext("2d").fillRect(0, 0, 300, 200);
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([await canvas.convertToBlob()], "dropped.png"));
          document.body.dispatchEvent(new DragEvent("drop", {dataTransfer, bubbles: true}));
        }"""
    )
    page.wait_for_selector("html[data-done='0']", state="attached", timeout=SECONDS)
    assert page.inner_text("#error") == "" and "300 x 200 pixels" in page.inner_text("#status")
    page.click("#camera")
    page.click("#shoot")
    page.wait_for_function("/x 480 pixels/.test(document.getElementById('status').textContent)", timeout=SECONDS)
    assert page.is_visible("#canvas") and not page.is_visible("#video")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.close()
