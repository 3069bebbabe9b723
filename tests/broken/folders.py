"""Invalid data sets: {name: function that writes one into an empty folder}."""

import copy
import io
import json
import struct
import zlib

import numpy as np
import tensorflow as tf
from PIL import Image
from scipy.io import savemat

from broken.pictures import zeros

SIDE = 40


def coco():
    """COCO data sets, each made by one change to valid annotations."""
    found = {}
    for part in ("images", "annotations", "categories"):
        found[f"no {part}"] = lambda content, part=part: content.pop(part)
        for value in (None, 3, "x", [3], [None], {}, [[]]):
            found[f"{part} {value!r}"] = lambda content, part=part, value=value: content.update({part: value})
        found[f"{part} twice"] = lambda content, part=part: content[part].append(dict(content[part][0]))
    fields = {
        "images": ("id", "file_name", "height", "width"),
        "categories": ("id", "name"),
        "annotations": ("id", "image_id", "category_id", "segmentation"),
    }
    for part, names in fields.items():
        for name in names:
            found[f"{part} without {name}"] = lambda content, part=part, name=name: content[part][0].pop(name)
            for value in (None, [], {}, -1, 1.5, float("nan"), 10**30, "", "../../etc/passwd", "\0", True):
                found[f"{part}.{name} {value!r}"] = lambda content, part=part, name=name, value=value: content[part][
                    0
                ].update({name: value})
    for name, outline in _outlines().items():
        found[f"outline {name}"] = lambda content, outline=outline: content["annotations"][0].update(
            segmentation=outline
        )
    return {f"coco {name}": _coco_folder(change) for name, change in found.items()} | {
        f"coco json {name}": _coco_text(text) for name, text in _texts().items()
    }


def _outlines():
    """Invalid segmentations, run lengths and polygons: {name: value}."""
    size = [SIDE, SIDE]
    runs = {
        "short": [0, 10],
        "long": [0, SIDE * SIDE, 5],
        "negative": [-5, SIDE * SIDE + 5],
        "fractions": [0.5, SIDE * SIDE - 0.5],
        "of text": ["a"],
        "nested": [[0, 1600]],
        "huge": [0, 10**40],
        "NaN": [float("nan")],
        "none": None,
        "empty": [],
        "compressed, empty": "",
        "compressed, short": "0",
        "compressed, not terminated": "o" * 1_000_000,
        "compressed, not ASCII": "\u00e9\u00fc\0",
        "compressed, noise": "".join(chr(48 + n * 7 % 64) for n in range(500)),
        "an object": {"a": 1},
    }
    found = {f"runs {name}": {"size": size, "counts": counts} for name, counts in runs.items()}
    for name, other in {
        "none": None,
        "one": [40],
        "huge": [2**31, 2**31],
        "negative": [-1, -1600],
        "text": "40",
    }.items():
        found[f"runs of size {name}"] = {"size": other, "counts": [0, 1600]}
    polygons = {
        "of one point": [[1, 1]],
        "of odd length": [[1, 1, 2, 2, 3, 3, 4]],
        "of NaN": [[float("nan")] * 6],
        "of infinity": [[float("inf"), 0, 3, 3, 0, 5]],
        "far away": [[1e12, 0, 0, 1e12, -1e12, -1e12]],
        "of text": [["a"] * 6],
        "without points": [[]],
        "none": [],
        "of lists": [[[1, 1], [2, 2], [3, 3]]],
        "negative box": [[-5, -5, -3, -3]],
        "zigzag": [[0, 0, 79, 79] * 100_000],
        "mixed": [[1, 1, 5, 5, 1, 5], {"size": size}],
    }
    return {**found, **{f"polygon {name}": outline for name, outline in polygons.items()}}


def _texts():
    """Invalid annotation files: {name: bytes}."""
    return {
        "empty": b"",
        "cut": b'{"images": [',
        "deep": b"[" * 200_000,
        "of bytes": bytes(range(256)),
        "a list": b"[]",
        "a long number": b'{"images": ' + b"9" * 10_000 + b"}",
        "utf-16": '{"images": []}'.encode("utf-16")[:-1],
    }


def _coco_folder(change):
    """Function that writes a data set whose valid annotations `change` has changed in place."""

    def write(folder):
        content = {
            "images": [{"id": 1, "file_name": "a.png", "height": SIDE, "width": SIDE}],
            "categories": [{"id": 1, "name": "person"}],
            "annotations": [
                {
                    "id": 1,
                    "image_id": 1,
                    "category_id": 1,
                    "segmentation": [[2, 2, 20, 2, 20, 20]],
                    "bbox": [-5, 2, -3, 9],
                }
            ],
        }
        content = copy.deepcopy(content)
        change(content)
        _coco_text(json.dumps(content).encode())(folder)

    return write


def _coco_text(text):
    """Function that writes a data set with this text as its annotation file."""

    def write(folder):
        for name in ("annotations", "train"):
            (folder / name).mkdir()
        Image.new("RGB", (SIDE, SIDE), "gray").save(folder / "train" / "a.png")
        (folder / "annotations" / "instances_train.json").write_bytes(text)

    return write


def records():
    """Folders of TFRecords, with an invalid sample, index, shard or name."""
    image, labels = np.zeros((SIDE, SIDE, 3), np.uint8), np.eye(SIDE, dtype=np.int32)
    huge = _proto(np.uint8([1]))
    huge = huge.__class__.FromString(huge.SerializeToString())
    huge.tensor_shape.dim[0].size = 10**5
    huge.tensor_shape.dim.add().size = 10**5
    huge.ClearField("tensor_content")
    huge.uint8_val.append(1) if hasattr(huge, "uint8_val") else huge.int_val.append(1)
    samples = {
        "image of one value with a huge shape": (huge, labels),
        "3 GB in a record": (zeros(3 * 2**30), labels),
        "image of text": (np.array([[["a"]]]), labels),
        "image of NaN": (np.full((SIDE, SIDE, 3), np.nan, np.float32), labels),
        "image with two axes": (image[..., 0], labels),
        "image with 5 channels": (np.zeros((SIDE, SIDE, 5), np.uint8), labels),
        "image of complex numbers": (image.astype(np.complex64), labels),
        "labels of another size": (image, labels[1:]),
        "labels of fractions": (image, labels.astype(np.float32)),
        "labels with negative ids": (image, labels - 5),
        "labels with ids near 2^31": (image, labels * (2**31 - 1)),
        "labels of an empty image": (image[:0], labels[:0]),
        "noise": (b"noise", b"noise"),
    }
    found = {name: _records_folder(*pair) for name, pair in samples.items()}
    for name, index in {
        "empty": "", "a list": "[]", "deep": "[" * 200_000, "null": "null", "numbers": '{"train": 3}', "none": "{}",
        "no shards": '{"train": {}}', "names of numbers": '{"train": {"train-0.tfrecord": [1]}}',
        "more names": '{"train": {"train-0.tfrecord": ["a", "b"]}}',
        "other names": '{"train": {"train-0.tfrecord": ["b"]}}',
        "a missing shard": '{"train": {"gone.tfrecord": ["a"]}}',
        "a split outside": '{"../x": {"train-0.tfrecord": ["a"]}}',
        "a shard outside": '{"train": {"../../etc/passwd": ["a"]}}',
    }.items():  # fmt: skip
        found[f"index {name}"] = _records_folder(image, labels, index)
    for name, cut in {
        "cut": lambda data: data[:-9],
        "of 4 bytes": lambda data: data[:4],
        "empty": lambda data: b"",
    }.items():
        found[f"shard {name}"] = _records_folder(image, labels, change=cut)
    found["shard with a record that is too long"] = _records_folder(
        image, labels, change=lambda data: struct.pack("<Q", 2**63) + data[8:]
    )
    found["name outside"] = _records_folder(
        image, labels, '{"train": {"train-0.tfrecord": ["../../a"]}}', name="../../a"
    )
    return {f"records {name}": write for name, write in found.items()}


def _proto(value):
    return tf.make_tensor_proto(value)


def _packed(value):
    """Bytes of a record's field: of an array or a TensorProto, compressed; bytes stay as they are."""
    if isinstance(value, bytes):
        return value
    proto = value if hasattr(value, "tensor_shape") else _proto(value)
    return zlib.compress(proto.SerializeToString())


def _records_folder(image, labels, index='{"train": {"train-0.tfrecord": ["a"]}}', change=None, name="a"):
    def write(folder):
        values = {"image": _packed(image), "labels": _packed(labels), "name": name.encode()}
        feature = {k: tf.train.Feature(bytes_list=tf.train.BytesList(value=[v])) for k, v in values.items()}
        shard = folder / "train-0.tfrecord"
        with tf.io.TFRecordWriter(str(shard)) as writer:
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
        if change:
            shard.write_bytes(change(shard.read_bytes()))
        (folder / "records.json").write_text(index)

    return write


def others():
    """SBD and VOC data sets, and folders that are not a data set."""
    header = b"MATLAB 5.0".ljust(124) + b"\0\x01IM"
    bomb = zeros(3 * 2**30)
    ids = np.eye(SIDE, dtype=np.uint8)
    mats = {
        "empty": b"",
        "noise": b"noise" * 99,
        "of 3 GB": header + struct.pack("<II", 15, len(bomb)) + bomb,
        "cut": _mat(ids, [15])[:200],
        "without GTinst": _mat(ids, [15], "other"),
        "with ids without class": _mat(ids * 9, [15]),
        "of fractions": _mat(ids * 0.5, [15]),
        "with negative ids": _mat(ids.astype(np.int8) * -3, [15]),
        "of another size": _mat(ids[1:], [15]),
        "of classes of text": _mat(ids, "person"),
    }
    found = {f"sbd mat {name}": _sbd_folder(content) for name, content in mats.items()}
    found["sbd list of bytes"] = _sbd_folder(_mat(ids, [15]), b"\xff\xfe")
    found["empty sbd list"] = _sbd_folder(_mat(ids, [15]), b"")
    found["sbd list with a missing image"] = _sbd_folder(_mat(ids, [15]), b"b")
    found["voc list outside"] = _voc_folder("../../etc/passwd")
    found["voc list with a missing image"] = _voc_folder("b")
    found["empty folder"] = lambda folder: None
    found["folder that links to itself"] = lambda folder: (folder / "train").symlink_to(folder)
    found["only a file"] = lambda folder: (folder / "a.png").write_bytes(b"x") and None
    return found


def _mat(labels, categories, name="GTinst"):
    """Bytes of an annotation file of SBD."""
    stream = io.BytesIO()
    savemat(stream, {name: {"Segmentation": labels, "Categories": np.asarray(categories)}}, do_compression=True)
    return stream.getvalue()


def _sbd_folder(mat, listed=b"a"):
    def write(folder):
        for name in ("img", "inst"):
            (folder / name).mkdir()
        Image.new("RGB", (SIDE, SIDE)).save(folder / "img" / "a.jpg")
        (folder / "inst" / "a.mat").write_bytes(mat)
        (folder / "train.txt").write_bytes(listed)

    return write


def _voc_folder(listed):
    def write(folder):
        for name in ("JPEGImages", "SegmentationObject", "SegmentationClass", "ImageSets/Segmentation"):
            (folder / name).mkdir(parents=True)
        (folder / "ImageSets" / "Segmentation" / "train.txt").write_text(listed)

    return write
