"""Draws the wings of the package, the folders of `ris_tf/`, from the imports in the sources: writes docs/wings.svg.

    python docs/wings.py

tests/test_house.py reads the same imports, and fails if the picture is out of date.
"""

import ast
from pathlib import Path

import networkx

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "wings.svg"
PLACES = {"ris_tf": "ris_tf", "export": "ris_tf.export", "configs": "ris_tf.configs"}  # folder: its installed name
ROOMS = ("data.images", "data.readers", "data.synthetic", "data.sampling")  # wings inside a wing
GROUND = ("errors", "optional", "quiet", "wording")  # files that anything may import, left out of the picture
NOT_IMPORTED = "serving"  # folder of programs for other machines
_WIDTH, _HEIGHT, _GAP, _LAYER = 128, 44, 14, 92  # px: of a box, between boxes, from layer to layer
_SAID = {  # what a box says below its name
    "export": "formats, their checks",
    "demo": "python -m",
    "dequantize": "python -m",
    "commands": "flags, messages",
    "large": "whole slides",
    "napari_plugin": "correct, train on",
    "report": "pages, plots",
    "planning": "a config for the data",
    "training": "the run",
    "batch": "Beam pipeline",
    "storage": "file to model",
    "runtime": "exported files",
    "on_openvino": "the same, in OpenVINO",
    "model": "RIS",
    "presets": "shipped models",
    "preset_weights": "their eight bits",
    "keras_import": "Keras knows RIS",
    "ris_tf": "what users import",
    "evaluation": "figures",
    "inference": "image to instances",
    "objective": "loss, matching",
    "network": "layers, forms",
    "data": "sources, checks",
    "data.readers": "layouts of data sets",
    "data.images": "files to arrays",
    "data.synthetic": "generated images",
    "data.sampling": "batches",
    "instances": "label maps, outputs",
    "files": "safe writing, locks",
    "settings": "fields, ranges",
    "configs": "what to run",
}


def modules(root=ROOT):
    """Every module of the package: {dotted name: Path}; a folder's name stands for its `__init__.py`."""
    found = {}
    for folder, name in PLACES.items():
        for file in sorted((root / folder).rglob("*.py")):
            parts = file.relative_to(root / folder).with_suffix("").parts
            if NOT_IMPORTED not in parts:
                found[".".join((name, *parts)).removesuffix(".__init__")] = file
    return found


def wing_of(module):
    """The wing of a module: the folder it lies in, or for a file directly in `ris_tf/` its own name."""
    parts = module.split(".")[1:]
    room = ".".join(parts[:2])
    if room in ROOMS:
        return room
    return parts[0] if parts else "ris_tf"


def imported(source, known):
    """The modules among `known` that a source imports anywhere, inside functions too.

    Raises:
      ValueError: an import is relative, or `configs` or `export` is imported as a top-level package.
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"line {node.lineno}: a relative import; import with the full name, from ris_tf...")
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] in ("configs", "export"):
                raise ValueError(f"line {node.lineno}: import ris_tf.{name}; there is no top-level package {name}")
            while name and name not in known:
                name = name.rpartition(".")[0]
            found |= {name} if name else set()
    return found


def imports(root=ROOT):
    """{module: set of the modules that it imports}."""
    known = modules(root)
    return {name: imported(file.read_text("utf-8"), known) - {name} for name, file in known.items()}


def wings(root=ROOT):
    """{wing: set of the other wings that its files import}."""
    found = {}
    for module, others in imports(root).items():
        found.setdefault(wing_of(module), set()).update(map(wing_of, others))
    return {wing: others - {wing} for wing, others in found.items()}


def svg(root=ROOT):
    """The picture as text. Every arrow is an import; one that follows from others is left out."""
    graph = networkx.DiGraph(
        (wing, other) for wing, others in wings(root).items() for other in others if other not in GROUND
    )
    arrows = sorted(networkx.transitive_reduction(graph).edges)
    centre, width, height = _places(graph, arrows)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height}" font-family="sans-serif">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#607d8b"/></marker></defs>',
        f'<rect width="{width:g}" height="{height}" fill="#fff"/>',
    ]
    for wing, other in arrows:
        spots = [centre[spot] for spot in centre if spot[:2] == (wing, other)]
        bends = sorted(((x, y + half) for x, y in spots for half in (-_HEIGHT / 2, _HEIGHT / 2)), key=lambda at: at[1])
        (x, y), (to_x, to_y) = centre[wing], centre[other]
        path, places = "", [(x, y + _HEIGHT / 2), *bends, (to_x, to_y - _HEIGHT / 2 - 2)]
        for (x, y), (to_x, to_y) in zip(places, places[1:], strict=False):
            middle = (y + to_y) / 2
            path += f"{'' if path else f'M{x:g} {y:g}'}C{x:g} {middle:g} {to_x:g} {middle:g} {to_x:g} {to_y:g}"
        lines.append(f'<path d="{path}" fill="none" stroke="#607d8b" marker-end="url(#tip)"/>')
    for wing in sorted(graph):
        x, y = centre[wing]
        is_file = (root / "ris_tf" / f"{wing}.py").is_file() or wing == "ris_tf"
        name = "ris_tf/__init__.py" if wing == "ris_tf" else f"{wing}.py" if is_file else wing.replace(".", "/") + "/"
        lines += [
            f'<rect x="{x - _WIDTH / 2:g}" y="{y - _HEIGHT / 2:g}" width="{_WIDTH}" height="{_HEIGHT}" rx="5" '
            f'fill="{"#fff8e1" if is_file else "#e0f2f1"}" stroke="#00796b"/>',
            f'<text x="{x:g}" y="{y - 3:g}" font-size="13" text-anchor="middle" font-weight="bold">{name}</text>',
            f'<text x="{x:g}" y="{y + 14:g}" font-size="11" text-anchor="middle">{_SAID[wing]}</text>',
        ]
    return "\n".join([*lines, "</svg>", ""])


def _places(graph, arrows):
    """Where everything lies.

    Every import points to a lower layer. Where an arrow passes a layer, room is left for it: a spot (wing, other,
    layer) beside the boxes. In each layer what is imported by neighbours is put side by side.

    Returns:
      {wing or spot: (x, y) of its centre}, width and height of the picture, px.
    """
    level = {}  # counted from the top: as high as what imports a wing allows
    for wing in networkx.lexicographical_topological_sort(graph):
        level[wing] = 1 + max((level[other] for other in graph.predecessors(wing)), default=-1)
    layers = [[wing for wing in level if level[wing] == number] for number in range(max(level.values()) + 1)]
    above = {wing: [] for wing in graph}
    for wing, other in arrows:
        before = wing
        for number in range(level[wing] + 1, level[other]):
            spot = (wing, other, number)
            layers[number].append(spot)
            above[spot], before = [before], spot
        above[other].append(before)
    share, centre, widths = {}, {}, []
    for layer in layers:
        share |= {item: sum(share[one] for one in above[item]) / max(len(above[item]), 1) for item in layer}
        layer.sort(key=lambda item: (share[item], str(item)))
        share |= {item: (index + 0.5) / len(layer) for index, item in enumerate(layer)}
        widths.append(sum(_GAP + (_WIDTH if item in graph else 0) for item in layer) + _GAP)
    for number, layer in enumerate(layers):
        x = (max(widths) - widths[number]) / 2
        for item in layer:
            wide = _WIDTH if item in graph else 0
            centre[item] = x + _GAP + wide / 2, number * _LAYER + _GAP + _HEIGHT / 2
            x += _GAP + wide
    return centre, max(widths), len(layers) * _LAYER - _LAYER + _HEIGHT + 2 * _GAP


if __name__ == "__main__":
    PICTURE.write_text(svg(), "utf-8")
