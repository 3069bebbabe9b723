"""The report and the comparison of two runs: complete, self-contained, and shown by a real browser if there is one."""

import csv
import importlib
import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
from scenes.blobs import perfect_look
from scipy import ndimage

from ris_tf.commands import evaluate
from ris_tf.configs import rosettes
from ris_tf.evaluation import figures
from ris_tf.evaluation.mistakes import find
from ris_tf.evaluation.overlaps import compare
from ris_tf.inference.order import Order
from ris_tf.report import page, pictures, plots
from ris_tf.report.report import _examples as examples
from ris_tf.report.report import report


class Perfect:
    """A stand-in for a model: finds bright discs, but never the smallest in an image with four."""

    def __init__(self):
        self.config = rosettes.get_config()
        self.config.data.view = "whole"
        self.foreground = None
        self._look = perfect_look(self.config)

    def look(self, tiles):
        masks, scores = self._look(tiles)
        scores[:, 3:] = 0.1
        return masks, scores

    def looking(self):
        return self.look

    def predict_instances(self, image, crf=False):
        return evaluate.prediction.predict_instances(self.look, self.config, image, crf)


def discs(count):
    image = np.zeros((256, 256, 3), np.uint8)
    rows, columns = np.indices(image.shape[:2])
    for index in range(count):
        image[(rows - 60) ** 2 + (columns - 40 - 55 * index) ** 2 < (24 - 3 * index) ** 2] = 255
    return image, ndimage.label(image[..., 0])[0]


class Addresses(HTMLParser):
    """Collects all addresses that a page refers to."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found += [value for name, value in attributes if name in ("src", "href")]


@pytest.fixture(scope="module")
def made():
    pytest.importorskip("jinja2")
    pytest.importorskip("matplotlib")
    model = Perfect()
    source = [(f"<{count}> & more", lambda count=count: discs(count)) for count in (1, 2, 3, 4)]
    order = Order(model.look, model.config.predict)
    found = evaluate.evaluate(model, source, order=order)
    details = [("model", "discs"), ("data", "drawn")]
    return found, report(model, source, found, order.taken, "Discs", details)


def test_holds_every_figure_and_points_nowhere(made):
    found, html = made
    for figure in figures.FIGURES:
        row = re.search(rf'id="{re.escape(figure.key)}">(.*?)</tr>', html, re.S).group(1)
        assert figures.text(found.result[figure.key]) in row
    addresses = Addresses(html).found
    assert len(addresses) > 8 and all(address.startswith("data:image/") for address in addresses)
    assert "&lt;4&gt; &amp; more" in html and "<4>" not in html
    assert "Best: " in html and "Median: " in html and "Worst: &lt;4&gt;" in html
    assert "1 missed" in html and "the count ends" in html


def test_nothing_true_and_nothing_found_has_a_page(made):
    model = Perfect()
    source = [("empty", lambda: discs(0))]
    found = evaluate.evaluate(model, source)
    html = report(model, source, found, [], "Nothing", [])
    assert found.result["apr_ave"] is None and found.result["sbd"] == 1.0
    assert "Nothing was predicted" in html and "Median: empty" in html and "No look found two" in html


def test_order_of_the_objects_is_seen():
    model = Perfect()
    order = Order(model.look, model.config.predict)
    evaluate.evaluate(model, [("a", lambda: discs(3)), ("b", lambda: discs(1))], order=order)
    (taken,) = order.taken  # of one object there is no order
    assert (np.diff(taken[:, 0]) < 0).all() and (np.diff(taken[:, 2]) > 0).all()  # largest first, left to right
    np.testing.assert_allclose(taken[:, 2], [40 / 256, 95 / 256, 150 / 256], atol=0.01)
    assert taken[:, 0].mean() == pytest.approx(1)


def test_film_shows_one_object_more_at_each_step_and_the_stop():
    frames = pictures.film(Perfect(), discs(3)[0])
    assert [frame.stop for frame in frames] == [False] * 3 + [True]
    coloured = [np.count_nonzero(np.ptp(frame.picture.astype(int), axis=2)) for frame in frames]
    assert coloured[0] < coloured[1] < coloured[2] <= coloured[3]
    assert frames[-1].score == pytest.approx(0.1)


def test_film_is_of_one_look():
    model = Perfect()
    once = pictures.film(model, discs(3)[0])
    model.config.predict.orientations = 8
    for frame, other in zip(pictures.film(model, discs(3)[0]), once, strict=True):
        np.testing.assert_array_equal(frame.picture, other.picture)


def test_errors_are_drawn_in_their_colour_where_they_are():
    image, truth = discs(2)
    labels = np.where(truth == 1, 1, 0)
    picture = pictures.marked(image, truth, labels, find(compare(truth, labels)))
    for kind, inside in (("right", truth == 1), ("missed", truth == 2)):
        at = (picture == pictures.COLOURS[kind]).all(axis=2)
        assert at.any() and inside.repeat(2, 0).repeat(2, 1)[at].mean() > 0.9


def test_pictures_are_cropped_to_the_objects_with_a_margin():
    truth, labels = np.zeros((2, 200, 300), int)
    truth[50:60, 100:140], labels[90:100, 120:150], labels[:, :9] = 1, 3, -1
    assert pictures.window(truth, labels) == (slice(44, 106), slice(94, 156))  # a tenth of 49 pixels, and one more
    truth[0, 299] = 2
    assert pictures.window(truth, labels) == (slice(0, 121), slice(79, 300))
    assert pictures.window(labels * 0) == (slice(0, 200), slice(0, 300))


def test_the_name_of_an_error_does_not_hide_a_small_object():
    image, truth = np.zeros((300, 300, 3), np.uint8), np.zeros((300, 300), int)
    image[150:158, 150:158] = truth[150:158, 150:158] = 255
    picture = pictures.marked(image, truth, truth * 0, find(compare(truth, truth * 0)))
    factor = picture.shape[0] // 300
    inside = np.s_[factor * 150 + 3 : factor * 158 - 3]
    assert (picture[inside, inside] == 255).all()
    below = picture[factor * 158 + 3 :].reshape(-1, 3)
    assert (below == [(255 + value) // 2 for value in pictures.COLOURS["missed"]]).all(axis=1).any()


def test_the_foot_says_how_a_page_was_made(made):
    assert "<footer" not in made[1]
    how = page.Made("2026-12-01 14:05", "1.2.3", "ris-evaluate --data='a <b>'", "a <b>, test")
    html = page.render("page.html", title="x", made=how)
    assert "Made on 2026-12-01 14:05 by ris_tf 1.2.3 from a &lt;b&gt;, test" in html
    assert "<code>ris-evaluate --data=&#39;a &lt;b&gt;&#39;</code>" in html


def test_errors_are_drawn_where_they_are_beside_ignored_regions(monkeypatch):
    monkeypatch.setattr(page, "jpeg", lambda picture: picture)
    image, places = discs(3)
    truth = np.array([0, -1, 2, 0])[places]  # the first disc is found and ignored, the third is found and not true
    source = [("a", lambda: (image, truth))]
    found = evaluate.evaluate(Perfect(), source)
    ((_, _, numbers, picture),) = examples(Perfect(), source, found.rows, [find(one) for one in found.tables], False)
    assert numbers["extra"] == 1 == sum(numbers.values())
    inside_part = pictures.window(truth, np.where(places == 1, 0, places))
    factor = picture.shape[0] // places[inside_part].shape[0]
    for kind, inside in (("right", places == 2), ("extra", places == 3)):
        at = (picture == pictures.COLOURS[kind]).all(axis=2)
        assert at.any() and inside[inside_part].repeat(factor, 0).repeat(factor, 1)[at].mean() > 0.9


def test_calibration_error_by_hand():
    truth = np.repeat(np.arange(11), 4)[None] * np.ones((2, 1), int)
    pred = np.where(truth % 2 == 1, truth, 0)
    pred[:, -2:] = 11  # half of the last object: IoU 0.5, which is not right
    svg, off = plots.calibration([compare(truth, pred, [0.75] * 5 + [0.25])])
    assert off == pytest.approx((5 * 0.25 + 1 * 0.25) / 6) and svg.lstrip().startswith("<?xml")
    assert plots.calibration([compare(truth, truth * 0)]) == (None, None)


def test_missing_library_is_one_line(command, tmp_path, monkeypatch):
    present = importlib.import_module

    def absent(name):
        if name in ("jinja2", "matplotlib"):
            raise ImportError(name)
        return present(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    arguments = ["--model=rosettes", "--data=synthetic:discs", f"--out={tmp_path / 'o'}", "--report"]
    code, _, err = command(evaluate.main, *arguments)
    assert code == 2 and err.count("\n") == 1 and "ris-tf[report]" in err
    assert not list(tmp_path.iterdir())


def browser():
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    return found or pytest.skip("no chromium")


@pytest.mark.slow
def test_in_a_browser_without_network(made, tmp_path):
    """On a phone's width nothing is wider than the screen, every picture loads, a click enlarges one and shrinks it
    again, and a button steps through the film."""
    check = """<script>addEventListener("load", function () {
      var broken = [].filter.call(document.images, function (i) { return !i.naturalWidth; }).length;
      var strip = document.getElementById("strip");
      var picture = document.querySelector(".examples img"), root = document.documentElement, heights = [];
      for (var click = 0; click < 3; click++) {
        heights.push(picture.clientHeight > 700);  // of 800 pixels, if it is enlarged to the window
        picture.click();
      }
      document.getElementById("next").click();
      setTimeout(function () {
        var step = Math.round(strip.scrollLeft / strip.clientWidth), fits = root.scrollWidth <= root.clientWidth;
        document.title = [heights.join("-"), broken, fits, step, strip.children.length].join();
      }, 300);
    });</script>"""
    (tmp_path / "report.html").write_text(made[1].replace("</body>", check + "</body>"))
    phone = '<iframe src="report.html" style="width:390px;height:800px"></iframe>'
    (tmp_path / "phone.html").write_text(
        phone + "<script>setTimeout(function () { document.body.append("
        'document.querySelector("iframe").contentDocument.title); }, 5000);</script>'
    )
    command = [browser(), "--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files"]
    command += ["--virtual-time-budget=10000", "--dump-dom", (tmp_path / "phone.html").as_uri()]
    seen = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert "false-true-false,0,true,1," in seen


def write_run(folder, found):
    folder.mkdir()
    evaluate.write_table(folder / "per_image.csv", found.rows)
    (folder / "metrics.json").write_text(json.dumps(found.result))


def test_compare_pairs_images_by_name(command, tmp_path):
    def measured(shift):
        tables = [compare(*(discs(count)[1], np.roll(discs(count)[1], shift, axis=0))) for count in (1, 2, 3)]
        return evaluate.measure(["x", "y", "z"], tables)

    a, b = measured(6), measured(0)
    write_run(tmp_path / "a", a)
    b.rows.reverse()
    write_run(tmp_path / "b", b)
    out = tmp_path / "out"
    arguments = ["--compare", tmp_path / "a", tmp_path / "b", f"--out={out}", "--report"]
    code, printed, err = command(evaluate.main, *arguments)
    assert code == 0, err
    compared = json.loads((out / "compare.json").read_text())
    sbd = compared["figures"]["sbd"]
    assert compared["images"] == 3 and sbd["b"] == 1.0 and sbd["difference"] == pytest.approx(1 - a.result["sbd"])
    assert 0 < sbd["low"] <= sbd["difference"] <= sbd["high"] < 1
    assert compared["figures"]["coco_ap"]["low"] is None and compared["figures"]["coco_ap"]["difference"] > 0
    assert re.search(r"SBD .* \+0\..* better\n", printed)
    html = (out / "compare.html").read_text()
    assert all(address.startswith("data:image/") for address in Addresses(html).found)
    assert figures.text(sbd["difference"], True) in html

    code, printed, _ = command(evaluate.main, "--compare", tmp_path / "b", tmp_path / "a")
    assert code == 0 and re.search(r"SBD .* -0\..* worse\n", printed)


@pytest.mark.parametrize(
    ("key", "low", "high", "word"),
    [
        ("sbd", 0.1, 0.2, "better"), ("sbd", -0.2, -0.1, "worse"), ("abs_dic", 0.1, 0.2, "worse"),
        ("abs_dic", -0.2, -0.1, "better"), ("sbd", -0.1, 0.1, ""), ("dic", 0.1, 0.2, ""), ("sbd", None, None, ""),
    ],
)  # fmt: skip
def test_verdict_knows_which_way_is_better(key, low, high, word):
    (figure,) = (one for one in figures.FIGURES if one.key == key)
    assert figures.verdict(figure, low, high) == word


def test_compare_tells_what_is_wrong(command, tmp_path):
    found = evaluate.measure(["x", "y"], [compare(discs(n)[1], discs(n)[1]) for n in (1, 2)])
    write_run(tmp_path / "a", found)
    write_run(tmp_path / "less", evaluate.measure(["x"], found.tables[:1]))
    write_run(tmp_path / "twice", evaluate.measure(["x", "x"], found.tables))
    write_run(tmp_path / "old", found)
    rows = list(csv.DictReader((tmp_path / "old" / "per_image.csv").open()))
    evaluate.write_table(tmp_path / "old" / "per_image.csv", [{k: v for k, v in r.items() if k != "aji"} for r in rows])
    for arguments, code, word in (
        (["a"], 2, "two folders"),
        (["a", "none"], 1, "none: no such file or folder"),
        (["a", "less"], 1, "'y'"),
        (["twice", "twice"], 1, "2 rows for the image 'x'"),
        (["a", "old"], 1, "'aji'"),
    ):
        got, _, err = command(evaluate.main, "--compare", *(tmp_path / name for name in arguments))
        assert got == code and err.count("\n") == 1 and word in err, err


def test_compare_tells_where_a_run_is_damaged(command, tmp_path):
    found = evaluate.measure(["x", "y"], [compare(discs(n)[1], discs(n)[1]) for n in (1, 2)])
    write_run(tmp_path / "a", found)
    table, figures_file = (tmp_path / "a" / name for name in ("per_image.csv", "metrics.json"))
    rows, first = table.read_text(), figures.FIGURES[-1].key
    for file, text, words in (
        (table, rows.rsplit(",", 5)[0], ("per_image.csv: line 3", "ends before")),
        (table, rows.splitlines()[0], ("per_image.csv", "no image")),
        (table, rows.replace("y,", "y,nan", 1), ("per_image.csv: line 3", "'nan", "number")),
        (table, rows + "x" * 200_000, ("per_image.csv", "field larger")),
        (figures_file, json.dumps({first: "x"}), ("metrics.json", repr(first), "'x'", "number or null")),
        (figures_file, f'{{"{first}": NaN}}', ("metrics.json", repr(first), "'nan'")),
        (figures_file, "[" * 100_000, ("metrics.json", "not a JSON object")),
    ):
        kept = file.read_text()
        file.write_text(text)
        code, _, err = command(evaluate.main, "--compare", tmp_path / "a", tmp_path / "a")
        assert code == 1 and err.count("\n") == 1 and all(word in err for word in words), err
        file.write_text(kept)
