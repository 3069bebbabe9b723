"""Large images by parts: the labels that the ordinary way gives, in files that others open, after interruptions too."""

import csv
import json

import numpy as np
import pytest
import tifffile
from scenes.ellipses import ellipse
from scipy import ndimage

from ris_tf import RIS, runtime
from ris_tf.commands import forms, predict
from ris_tf.data import normalize
from ris_tf.data.images import regions
from ris_tf.data.images.regions import open_regions
from ris_tf.data.images.single import read_image
from ris_tf.errors import DataError
from ris_tf.inference import looks, prediction, zoom
from ris_tf.instances import outputs
from ris_tf.large import prediction as large
from ris_tf.large.bands import Bands

STEPS, SIDE = 6, 64


class Threshold:
    """Stands for a model of the view "tiles": what is bright and connected is an object, the largest first."""

    def __init__(self, small, bright=0.5):
        self.config, self.bright, self.looks, self.most = small, bright, 0, 10**9
        self.config.model.update({"channels": 1, "size": (SIDE, SIDE), "steps": STEPS})
        self.config.data.view = "tiles"
        self.config.predict.update({"diameter": 16.0, "overlap": 20, "min_area": 4})

    def look(self, images):
        masks, scores = np.zeros((len(images), STEPS, SIDE, SIDE), np.float32), np.zeros((len(images), STEPS))
        for image, found, certain in zip(images, masks, scores, strict=True):
            self.looks += 1
            if self.looks > self.most:
                raise KeyboardInterrupt
            labels, count = ndimage.label(image[..., 0] > self.bright)
            order = np.argsort(-np.bincount(labels.ravel(), minlength=count + 1)[1:], kind="stable")[:STEPS]
            for step, index in enumerate(order):
                found[step] = labels == index + 1
                certain[step] = 0.9 - 0.01 * step
        return masks, scores.astype(np.float32)

    def predict_instances(self, image, crf=False):
        scale = zoom.zoom_of(self.look, self.config, normalize.normalize(image, 1), 64)  # as of large images
        return prediction.predict_instances(self.look, self.config, image, crf, zoom=scale)


@pytest.fixture
def model(small):
    return Threshold(small)


def picture(seed, shape=(210, 290)):
    """uint8 image of ellipses that keep a gap, some places left out, and their label map."""
    rng, labels, pitch = np.random.default_rng(seed), np.zeros(shape, np.int32), 24
    for row, column in np.stack(np.meshgrid(*(range(12, n - 6, pitch) for n in shape)), axis=-1).reshape(-1, 2):
        window = labels[row - 12 : row + 12, column - 12 : column + 12]
        if rng.random() < 0.85:
            centre, axes = rng.uniform(9, 15, 2), rng.uniform(5, 8, 2)
            window[ellipse(window.shape, *centre, *axes, rng.uniform(0, np.pi))] = labels.max() + 1
    return (np.where(labels > 0, 180, 20) + rng.integers(0, 30, shape)).astype(np.uint8), labels


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "big.tif"
    tifffile.imwrite(path, picture(0)[0], tile=(64, 64), compression="zlib")
    return path


def found_in(out, name="big"):
    labels = tifffile.imread(out / f"{name}_labels.tif")
    count = int(next(csv.DictReader((out / "counts.csv").open()))["count"])
    np.testing.assert_array_equal(np.unique(labels), np.arange(count + 1))
    return labels


@pytest.mark.parametrize("seed", range(2))
def test_by_parts_and_as_a_whole_are_the_same(model, tmp_path, seed):
    image, truth = picture(seed)
    tifffile.imwrite(tmp_path / "big.tif", image)
    how = {"write": ("labels", "csv"), "pixel_size": 0.5, "as_large": True}
    results = predict.predict(model, [tmp_path / "big.tif"], tmp_path / "out", **how)
    expected = model.predict_instances(image)
    np.testing.assert_array_equal(found_in(tmp_path / "out"), expected.labels)
    np.testing.assert_array_equal(results["big"].scores, expected.scores)
    assert abs(expected.count - truth.max()) <= 0.02 * truth.max()
    rows = list(csv.DictReader((tmp_path / "out" / "objects.csv").open()))
    for row, other in zip(rows, outputs.object_rows("big.tif", expected, 0.5), strict=True):
        assert row == {name: str(value) for name, value in other.items()}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["big_labels.tif", "counts.csv", "objects.csv"]


def test_outlines_by_parts_and_as_a_whole_are_the_same_files(model, file, tmp_path):
    pytest.importorskip("roifile")
    for out in ("parts", "whole"):
        write = ("roi", "geojson", "yolo")
        predict.predict(model, [file], tmp_path / out, write=write, as_large=out == "parts")
    names = ["big.geojson", "big.txt", "big_rois.zip", "counts.csv"]
    assert sorted(path.name for path in (tmp_path / "parts").iterdir()) == names
    for name in names[:3]:
        assert (tmp_path / "parts" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    parts, whole = ((tmp_path / out / "counts.csv").read_text() for out in ("parts", "whole"))
    assert parts == whole.replace(",no", ",unknown")  # whether the steps were used up


def test_an_image_as_large_as_a_tile(model, tmp_path):
    image = picture(0, (SIDE, SIDE))[0]
    tifffile.imwrite(tmp_path / "big.tif", image)
    found = predict.predict(model, [tmp_path / "big.tif"], tmp_path / "out", as_large=True)["big"]
    assert found.count == model.predict_instances(image).count > 0


def test_crowded_tiles_are_looked_at_closer(model, tmp_path):
    model.config.predict.diameter = 11.0  # so that a tile holds more objects than there are steps
    image, _ = picture(5)
    tifffile.imwrite(tmp_path / "big.tif", image)
    bands = Bands(model, open_regions(tmp_path / "big.tif"), tmp_path / "big.tif", tmp_path / "parts")
    assert sum(len(band.closer) for band in bands) > 10 and len(bands.boxes) > 3
    predict.predict(model, [tmp_path / "big.tif"], tmp_path / "out", as_large=True)
    np.testing.assert_array_equal(found_in(tmp_path / "out"), model.predict_instances(image).labels)


def test_masks_are_refined_by_the_pixels_of_their_tile(model, file, tmp_path, monkeypatch):
    monkeypatch.setattr(looks, "_refine", lambda mask, image, crf: mask * (image[..., 0] > 0.9))
    image = read_image(file)
    expected = model.predict_instances(image, crf=True)
    (tmp_path / "out").mkdir()
    found = large.predict(model, file, tmp_path / "out", "big", crf=True)
    labels = tifffile.imread(tmp_path / "out" / "big_labels.tif")
    np.testing.assert_array_equal(labels, expected.labels)
    assert found.count == expected.count and not np.array_equal(labels, model.predict_instances(image).labels)


def test_tiles_are_looked_at_in_every_orientation(model, file, tmp_path, monkeypatch):
    look = model.look

    def seeing_a_corner(images):  # the upper left one of whatever is looked at
        masks, scores = look(images)
        masks, scores = np.roll(masks, 1, 1), np.roll(scores, 1, 1)
        masks[:, 0], scores[:, 0] = 0, 0.95
        masks[:, 0, :9, :9] = 1
        return masks, scores

    model.config.predict.diameter = 23.0  # so that a tile leaves a step for the corner
    image = read_image(file)
    scale = zoom.zoom_of(look, model.config, normalize.normalize(image, 1), 64)
    expected = prediction.predict_instances(look, model.config, image, zoom=scale)
    monkeypatch.setattr("ris_tf.large.bands.zoom_of", lambda *_: scale)
    monkeypatch.setattr(model, "look", seeing_a_corner)
    for orientations, right in ((1, False), (8, True)):
        model.config.predict.orientations = orientations
        predict.predict(model, [file], tmp_path / f"out{orientations}", as_large=True)
        assert np.array_equal(found_in(tmp_path / f"out{orientations}"), expected.labels) == right


def test_an_exported_model_does_the_same(model, file, tmp_path, monkeypatch):
    fields = json.loads(json.dumps(model.config.to_dict()))
    exported = runtime.Exported(runtime._attributes(fields), None, None)
    monkeypatch.setattr(exported, "look", model.look)
    predict.predict(exported, [file], tmp_path / "out", as_large=True)
    np.testing.assert_array_equal(found_in(tmp_path / "out"), model.predict_instances(read_image(file)).labels)


def test_an_interrupted_run_goes_on(model, file, tmp_path):
    out = tmp_path / "out"
    predict.predict(model, [file], tmp_path / "whole", as_large=True)
    whole, model.looks = model.looks, 0
    for _ in range(3):
        model.most = model.looks + whole // 3
        with pytest.raises(KeyboardInterrupt):
            predict.predict(model, [file], out, as_large=True)
        assert [path.name for path in out.iterdir()] == ["big_parts"]
        assert not list(out.rglob("*.raw")) and not list(out.rglob("*.tmp"))
    broken = sorted((out / "big_parts").glob("band_*"))[1]
    broken.write_bytes(broken.read_bytes()[:-30])  # is found again
    model.looks, model.most = 0, 10**9
    predict.predict(model, [file], out, as_large=True)
    assert model.looks < 2 * whole // 3
    np.testing.assert_array_equal(found_in(out), found_in(tmp_path / "whole"))
    assert not (out / "big_parts").exists()


def test_all_images_are_kept_until_the_last_is_done(model, file, tmp_path):
    tifffile.imwrite(tmp_path / "second.tif", picture(1)[0])
    files, out = [file, tmp_path / "second.tif"], tmp_path / "out"
    bands = Bands(model, open_regions(file), file, tmp_path / "parts")
    list(bands)
    first, model.most = model.looks, model.looks + 80
    model.looks = 0
    with pytest.raises(KeyboardInterrupt):
        predict.predict(model, files, out, as_large=True)
    assert not (out / "counts.csv").exists() and (out / "big_labels.tif").exists()
    model.looks, model.most = 0, 10**9
    assert list(predict.predict(model, files, out, as_large=True)) == ["big", "second"]
    assert model.looks < first + 80 and not list(out.glob("*_parts"))


@pytest.mark.parametrize("change", ["crf", "config", "weights", "image", "record"])
def test_other_parameters_on_the_same_output_are_told(model, file, tmp_path, command, monkeypatch, change):
    out = tmp_path / "out"
    model.most = 100
    with pytest.raises(KeyboardInterrupt):
        predict.predict(model, [file], out, as_large=True)
    model.most = 10**9
    if change == "config":
        model.config.predict.mask_threshold = 0.4
    elif change == "weights":
        model.bright = 1.0
    elif change == "image":
        tifffile.imwrite(file, picture(1)[0], tile=(64, 64), compression="zlib")
    elif change == "crf":
        record = out / "big_parts" / "run.json"
        record.write_text(json.dumps({**json.loads(record.read_text()), "crf": True}))
    elif change == "record":
        (out / "big_parts" / "run.json").write_text("{}")
    monkeypatch.setattr(predict.storage, "open_model", lambda *_: model)
    monkeypatch.setattr(predict.storage, "digest", lambda name: None)
    code, _, err = command(predict.main, "--model=nuclei", f"--out={out}", "--large", file)
    line = err.splitlines()[-1]
    word = {"crf": "--crf=True", "config": "config", "weights": "model", "image": "image", "record": "run.json"}
    assert code == 1 and word[change] in line and str(out / "big_parts") in line and "Traceback" not in err
    assert not (out / "counts.csv").exists()


def test_a_folder_of_the_name_of_the_parts_stays_the_users(model, file, tmp_path):
    parts = tmp_path / "out" / "big_parts"
    parts.mkdir(parents=True)
    (parts / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="big_parts: holds notes.txt and no run.json"):
        predict.predict(model, [file], tmp_path / "out", as_large=True)
    assert [path.name for path in parts.iterdir()] == ["notes.txt"]
    (parts / "notes.txt").unlink()
    (parts / ".run.json.tmp").mkdir()  # as left by a run that was killed while it wrote the record
    found = predict.one_by_one(model, [file], tmp_path / "out", as_large=True)
    next(found)
    (parts / "notes.txt").write_text("mine")
    assert not list(found)
    assert [path.name for path in parts.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("as_large", [True, False])
def test_zarr_goes_in_and_out(model, tmp_path, as_large):
    library = pytest.importorskip("zarr")
    image, out = picture(2)[0], tmp_path / "out"
    library.create_array(str(tmp_path / "in" / "scan.zarr"), data=image, chunks=(64, 50))
    predict.predict(model, [tmp_path / "in"], out, write=("labels", "zarr"), as_large=as_large)
    assert (out / f"scan_labels.{'tif' if as_large else 'png'}").exists()
    labels = library.open(str(out / "scan_labels.zarr"), mode="r")
    assert labels.attrs["multiscales"][0]["datasets"][0]["path"] == "0" and labels["0"].dtype == np.uint16
    np.testing.assert_array_equal(labels["0"][:], model.predict_instances(image).labels)
    assert open_regions(out / "scan_labels.zarr").shape == (*image.shape, 1)


def test_label_tiffs_are_tiled_and_big_where_they_must(model, file, tmp_path, monkeypatch):
    from ris_tf.large import label_files

    predict.predict(model, [file], tmp_path / "out", as_large=True, pixel_size=0.5, write=("tiff",))
    with tifffile.TiffFile(tmp_path / "out" / "big_labels.tif") as written:
        page = written.pages.first
        number, unit = page.tags["XResolution"].value, page.tags["ResolutionUnit"].value
        assert page.is_tiled and page.dtype == np.uint16 and not written.is_bigtiff
        assert page.compression.name == "ADOBE_DEFLATE" and number[0] / number[1] == pytest.approx(20000) and unit == 3
    labels = np.arange(600 * 700, dtype=np.int32).reshape(600, 700)
    monkeypatch.setattr(label_files, "_CLASSIC", 10**6)
    label_files.write_tiled_tiff(tmp_path / "a.tif", label_files.strips_of(labels), labels.shape, labels.max())
    with tifffile.TiffFile(tmp_path / "a.tif") as written:
        assert written.is_bigtiff and written.pages.first.dtype == np.int32
        np.testing.assert_array_equal(written.asarray(), labels)


def test_large_by_size(model, file, tmp_path, command, monkeypatch):
    monkeypatch.setattr(regions, "MAX_PIXELS", 50_000)
    monkeypatch.setattr(predict.storage, "open_model", lambda *_: model)
    monkeypatch.setattr(predict.storage, "digest", lambda name: None)
    code, printed, err = command(predict.main, "--model=nuclei", f"--out={tmp_path / 'out'}", file)
    assert code == 0 and "no overlay" in printed, err
    found_in(tmp_path / "out")
    for write in ("coco",):
        code, _, err = command(predict.main, "--model=nuclei", f"--out={tmp_path / 'o'}", f"--write={write}", file)
        assert code == 2 and err.count("\n") == 1 and write in err and "labels,tiff,zarr,csv" in err, err
    for view in ("whole", "focus"):
        model.config.data.view = view
        code, _, err = command(predict.main, "--model=nuclei", f"--out={tmp_path / 'o'}", file)
        assert code == 2 and err.count("\n") == 1 and view in err and "big.tif" in err and "nuclei" in err, err
    assert not (tmp_path / "o").exists()


def test_levels_of_a_sample_are_near_those_of_the_whole(tmp_path, monkeypatch):
    from ris_tf.large import bands

    monkeypatch.setattr(bands, "_WINDOW", 24)
    monkeypatch.setattr(bands, "_GRID", 8)
    image = picture(4, (900, 700))[0]
    tifffile.imwrite(tmp_path / "a.tif", image)
    sampled = bands._sample(open_regions(tmp_path / "a.tif"))
    assert sampled.size == 8 * 8 * 24 * 24
    np.testing.assert_allclose(normalize.levels(sampled, 1), normalize.levels(image, 1), atol=2)


@pytest.mark.slow
def test_the_preset_finds_the_same_in_bands(tmp_path):
    model = RIS.from_preset("nuclei")
    image, truth = picture(3, (300, 400))
    image = ndimage.gaussian_filter(image, 0.7)
    tifffile.imwrite(tmp_path / "big.tif", image, tile=(128, 128), compression="zlib")
    out = tmp_path / "out"
    found = predict.predict(model, [tmp_path / "big.tif"], out, as_large=True)["big"]
    scale = zoom.zoom_of(model.look, model.config, normalize.normalize(image, 1), 64)
    expected = prediction.predict_instances(model.look, model.config, image, zoom=scale)
    labels = found_in(out)
    assert np.mean((labels > 0) != (expected.labels > 0)) < 1e-3 and found.count == expected.count
    assert abs(found.count - truth.max()) <= 3


def test_forms_that_a_large_image_has_are_forms():
    assert set(large.FORMS) < set(forms.FORMS)
    of_all_images = {"csv", "timeseries", "plot"}
    listed = [name for name in large.FORMS if name not in of_all_images]
    assert [name for name, form in forms.FORMS.items() if form.large] == listed
