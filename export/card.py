"""Writes the description of exported files: MODEL_CARD.md for people and metadata.json for programs."""

import json

from ris_tf import __version__, presets, storage
from ris_tf.data.normalize import HIGH, LOW
from ris_tf.export import check
from ris_tf.wording import counted

_LOOKS = {
    "whole": "The image is resized to fit the network's input.",
    "focus": "The network looks at the image twice: at the whole image, then closely at the region of the objects.",
    "tiles": "The graph takes one tile and does not zoom; `ris_tf.runtime` zooms and tiles images of any size.",
}


def metadata(graph, files):
    """Returns the content of metadata.json: tensors, ranges and preprocessing, as a dict.

    Args:
      graph: `graph.Graph`.
      files: list of str, the names of the files.
    """
    height, width, channels = graph.image
    predict, steps = graph.config.predict, graph.steps
    grey = f"grey; its percentiles {LOW} and {HIGH} become 0 and 1, clipped to [0, 2]"
    return {
        "ris_tf": __version__,
        "name": graph.config.name,
        "files": files,
        "inputs": {
            "image": {
                "shape": [1, height, width, channels],
                "dtype": "uint8",
                "range": [0, 255],
                "colours": "RGB" if channels == 3 else "grey",
                "normalisation": f"inside the graph: {'divided by 255' if channels == 3 else grey}",
            }
        },
        "outputs": {
            "labels": {"shape": [1, height, width], "dtype": "int32", "meaning": "0 background, 1..count"},
            "masks": {"shape": [1, steps, height, width], "dtype": "float32", "range": [0, 1]},
            "scores": {
                "shape": [1, steps],
                "dtype": "float32",
                "range": [0, 1],
                "meaning": "scores of labels 1..count, then zeros",
            },
            "count": {"shape": [1], "dtype": "int32", "range": [0, steps]},
        },
        "signatures": {
            "predict": "image to labels, masks, scores, count; TF Serving: serving_default, any batch",
            "predict_bytes": "TF Serving only: PNG or JPEG files, any batch, to labels, scores, count, scale",
            "encode": f"normalised float32 [1, {graph.input[0]}, {graph.input[1]}, {channels}] to the inputs of step",
            "step": "outputs of encode (except foreground) to score, mask and next_..., which is the next state_...",
        },
        "view": graph.config.data.view,
        "steps": steps,
        "score_threshold": predict.score_threshold,
        "mask_threshold": predict.mask_threshold,
        "stop": "counting ends at the first score that is not above score_threshold",
    }


def card(graph, source, data, samples, checked, rows):
    """Returns the text of MODEL_CARD.md.

    Args:
      graph: `graph.Graph`.
      source: value of --model.
      data: value of --data, or the synthetic images used instead.
      samples: number of labelled images that the files were tried on.
      checked: `check.Check` with which the files were checked.
      rows: list of `check.Row`, the results.
    """
    height, width, channels = graph.image
    about = presets.FOLDER / f"{source}.md" if storage.file_of(source) is None else None
    most = counted(graph.steps, "object")
    lines = [
        f"# {graph.config.name}",
        "",
        f"Written by ris-export {__version__} from `{source}`. One image in, {height} x {width} x {channels} uint8;"
        f" label map, masks, scores and count out, at most {most}. {_LOOKS[graph.config.data.view]}"
        " Names, shapes and ranges are in metadata.json.",
        "",
        "## The model",
        "",
        about.read_text().split("\n", 2)[2].strip()
        if about and about.is_file()
        else f"Config `{graph.config.name}`. The training data is not recorded; ask the owner of the model.",
        "",
        "## Validation",  # the title that the BioImage Model Zoo looks for
        "",
        f"On {samples} images of `{data}`: the Keras model has a symmetric best Dice of {checked.accuracy:.3f}."
        " Every file was run in its own runtime and compared with the Keras model, on pictures with"
        f" {', '.join(map(str, checked.counts))} objects:",
        "",
        check.table(rows),
        "",
        "Pixels are compared up to the numbering of the objects, and scores object by object.",
        "",
        "## Intended use and limits",
        "",
        "The model counts and outlines objects like those it was trained on, where a person can inspect the result."
        " For other images, measure the accuracy on them (`ris-evaluate`). Do not use the model for medical, legal or"
        f" safety decisions without your own validation. It finds at most {most} in one look.",
        "",
    ]
    return "\n".join(lines)


def to_json(content):
    """Returns a dict as indented JSON text."""
    return json.dumps(content, indent=2) + "\n"
