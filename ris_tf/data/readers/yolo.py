"""Read YOLO segmentation data of Ultralytics: data.yaml, images/SPLIT/NAME.jpg with labels/SPLIT/NAME.txt.

Each line of a label file is one object: the number of its class, then x and y of a polygon as shares of the width and
height. Ultralytics turns images upright as their EXIF orientation says, and so do its coordinates.
"""

from collections import Counter
from functools import partial
from pathlib import Path

from ris_tf.data.images.single import IMAGE_SUFFIXES, folders_in, passed_over
from ris_tf.data.readers.name_lists import read_lines
from ris_tf.data.readers.outlines import Annotated, Outline, chosen_of, left_out, paint_polygons, read
from ris_tf.data.readers.splits import ALL, PARTS, Layout, Listing, chosen, joined, part, part_names
from ris_tf.errors import DataError, UsageError
from ris_tf.wording import counted

_LARGEST = 2**20  # bytes of data.yaml
_SLACK = 0.01  # coordinates may lie this far outside the image, as a share of its side; they are moved to its border
BOX, FEW, NUMBER, OUTSIDE = "with only a box", "with fewer than 3 points", "not in numbers", "outside the image"


def _settings(root):
    """data.yaml or the only .yaml file with `names`, and its content; (None, {}) if there is none."""
    files = sorted([*root.glob("*.yaml"), *root.glob("*.yml")], key=lambda file: (file.stem != "data", file.name))
    found = [(file, content) for file in files if "names" in (content := _parsed(file))]
    return found[0] if found and (len(found) == 1 or found[0][0].stem == "data") else (None, {})


def _parsed(file):
    import yaml  # it is not part of a light installation

    try:
        with file.open("rb") as stream:
            content = yaml.safe_load(stream.read(_LARGEST))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


def _find(root):
    if any((folder / "masks").is_dir() for folder in (root, *folders_in(root))):
        return None  # a data set with label maps; if it has labels of YOLO as well, they may be boxes
    return root if any(_settings(root)[1].get(split) for split in PARTS) or _folders(root) else None


def _folders(root):
    """The folders of images that have labels, {split: list of one Path}; {"all": ...} if they are not split."""
    if _labelled(root / "images", root / "labels"):
        inside = {found.name: [found] for found in folders_in(root / "images")}
        return inside or {ALL: [root / "images"]}
    return {f.name: [f / "images"] for f in folders_in(root) if _labelled(f / "images", f / "labels")}


def _labelled(images, labels):
    return images.is_dir() and labels.is_dir() and any(labels.rglob("*.txt"))


def _sources(root):
    """Where the images of each split are: {split: list of folders, or of entries of data.yaml}."""
    file, content = _settings(root)
    if "kpt_shape" in content:
        raise DataError(f"{file}: describes key points (kpt_shape); expected polygons for segmentation")
    named = {split: content[split] for split in PARTS if content.get(split)}
    return {s: found if isinstance(found, list) else [found] for s, found in named.items()} or _folders(root)


def _resolved(root, split, entry):
    """Path of a folder or list named in data.yaml. `path` may be a place on another machine, and is left out then."""
    if isinstance(entry, Path):
        return entry
    (file, content), entry = _settings(root), str(entry)
    places = [root / entry.lstrip("./"), root / entry]  # Roboflow writes "../train/images" for train/images
    if content.get("path"):
        places.insert(0, root / str(content["path"]) / entry)
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise DataError(f"{file}: {split} names {entry[:80]!r}, which is not in {root}; expected a folder of images")
    return found


def _images(source):
    """Pairs (name, file) of the images in a folder, with its subfolders, or in a list."""
    if source.is_dir():
        files = [file for file in source.rglob("*") if file.suffix.lower() in IMAGE_SUFFIXES and file.name[0] != "."]
        return [(file.relative_to(source).with_suffix("").as_posix(), file) for file in sorted(files)]
    files = [_listed(source.parent, line.replace("\\", "/")) for line in read_lines(source)]
    return [(file.stem, file) for file in sorted(files)]


def _listed(folder, line):
    """Path of an image in a list; CVAT writes data/images/train/a.jpg for images/train/a.jpg beside the list."""
    inner = folder / line.removeprefix("data/")
    return inner if inner.exists() else folder / line


def _labels_of(image):
    """Path of the label file: "labels" in place of the last "images" of the path."""
    parts = image.with_suffix(".txt").parts
    place = max((n for n, name in enumerate(parts[:-1]) if name == "images"), default=None)
    return Path(*parts) if place is None else Path(*parts[:place], "labels", *parts[place + 1 :])


def _annotated(file, names):
    """Reads a label file."""
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise DataError(f"{file}: cannot be read ({type(error).__name__}); expected one polygon per line") from error
    outlines, wrong = [], Counter()
    for words in filter(None, map(str.split, lines)):
        try:
            index, points = int(float(words[0])), [float(word) for word in words[1:]]
        except (ValueError, OverflowError):
            wrong[NUMBER] += 1
            continue
        if len(points) == 4:
            wrong[BOX] += 1
        elif len(points) < 6 or len(points) % 2:
            wrong[FEW] += 1
        elif not all(-_SLACK <= value <= 1 + _SLACK for value in points):
            wrong[OUTSIDE] += 1
        else:
            outlines.append(Outline(names.get(index, str(index)), partial(_paint, points)))
    return Annotated(outlines, wrong)


def _paint(points, shape):
    clipped = [min(max(value, 0.0), 1.0) * shape[1 - place % 2] for place, value in enumerate(points)]
    return paint_polygons([(clipped, [])], shape)


def _names(root):
    """Names of the classes, {number: name}."""
    names = _settings(root)[1].get("names", {})
    pairs = names.items() if isinstance(names, dict) else enumerate(names if isinstance(names, list) else [])
    return {int(index): str(name) for index, name in pairs if str(index).isdecimal()}


def _samples(root, split, sources, category):
    names, problems, found = _names(root), [], {}
    if category and category not in names.values():
        raise UsageError(f"data.category is {category!r}; expected one of {', '.join(names.values()) or 'data.yaml'}")
    images, annotated, without = {}, {}, 0
    sources = [_resolved(root, split, source) for source in sources]
    for name, image in (pair for source in sources for pair in _images(source)):
        if images.setdefault(name, image) != image:
            problems.append(f"{image}: has the same name as {images[name]}; expected one file for each name")
    for name, image in sorted(images.items()):
        file = _labels_of(image)
        without += not file.exists()
        try:
            annotated[file] = _annotated(file, names) if file.exists() else Annotated([])
        except DataError as error:
            problems += error.problems
            continue
        kept = chosen_of(annotated[file], category)
        if kept.outlines or not category:
            found[name] = partial(read, image, file, kept, as_viewed=True)
    where = f"{root}: {split}"
    boxes = sum(one.left_out.get(BOX, 0) for one in annotated.values())
    read_any = any(one.outlines for one in annotated.values())
    if not read_any and not problems and (without == len(images) or any(one.left_out for one in annotated.values())):
        what = f"{counted(boxes, 'box', 'boxes') if boxes else counted(len(images), 'image')} and no polygon"
        problems.append(f"{where} has {what}; expected the labels of a segmentation data set, labels/NAME.txt")
    notes = [*left_out(where, annotated)]
    if without:
        notes.append(f"{where}: images without a label file, read as images without objects: {without}")
    if annotated and not read_any and not problems:
        notes.append(f"{where}: the label files have no line; if the images show objects, the export has lost them")
    notes += [line for source in sources if source.is_dir() for line in passed_over(source, sorted(source.rglob("*")))]
    return Listing(list(found.items()), problems, notes)


def _splits(root, category, held_out):
    sources = _sources(root)
    return part_names(_samples(root, ALL, sources[ALL], category), held_out) if ALL in sources else list(sources)


def _listing(root, split, category, held_out):
    sources = _sources(root)
    if ALL in sources:
        return part(root, _samples(root, ALL, sources[ALL], category), split, held_out)
    return joined({one: _samples(root, one, sources[one], category) for one in chosen(root, split, list(sources))})


LAYOUT = Layout("YOLO segmentation", "images/SPLIT/NAME.jpg with labels/SPLIT/NAME.txt", _find, _splits, _listing)
