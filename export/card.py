"""What goes beside exported files: MODEL_CARD.md for people and metadata.json for programs."""

import json

from ris_tf import __version__, presets, storage
from ris_tf.data.normalize import HIGH, LOW
from ris_tf.export import check

_LOOKS = {
    "whole": "The image is resized to fit the network's input.",
    "focus": "The image is looked at twice: as a whole, then closely where the objects are.",
    "tiles": "The graph sees one tile at the zoom the image has; `ris_tf.runtime` zooms and joins tiles of any image.",
}


def metadata(graph, files):
    """Tensors, ranges and preprocessing: a dict for JSON.

    Args:
      graph: `inference.Graph`.
      files: names of the files, list of str.
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
                "meaning": "of labels 1..count, then 0",
            },
            "count": {"shape": [1], "dtype": "int32", "range": [0, steps]},
        },
        "signatures": {
            "predict": "image to labels, masks, scores, count; TF Serving: serving_default, any batch",
            "predict_bytes": "TF Serving only: PNG or JPEG files, any batch, to labels, scores, count, scale",
            "encode": f"normalised float32 [1, {graph.input[0]}, {graph.input[1]}, {channels}] to what step reads",
            "step": "what encode gave (but foreground) to score, mask and next_..., the state_... of the next step",
        },
        "view": graph.config.data.view,
        "steps": steps,
        "score_threshold": predict.score_threshold,
        "mask_threshold": predict.mask_threshold,
        "stop": "the first score that is not above score_threshold ends the count",
    }


def card(graph, source, data, samples, checked, rows):
    """MODEL_CARD.md as text.

    Args:
      graph: `inference.Graph`.
      source: what --model was.
      data: what --data was.
      samples: number of images with known labels.
      checked: `check.Check`.
      rows: list of `check.Row`.
    """
    height, width, channels = graph.image
    about = presets.FOLDER / f"{source}.md" if storage.file_of(source) is None else None
    lines = [
        f"# {graph.config.name}",
        "",
        f"Written by ris-export {__version__} from `{source}`. One image in, {height} x {width} x {channels} uint8;"
        f" label map, masks, scores and count out, at most {graph.steps} objects. {_LOOKS[graph.config.data.view]}"
        " Names, shapes and ranges are in metadata.json.",
        "",
        "## The model",
        "",
        about.read_text().split("\n", 2)[2].strip()
        if about and about.is_file()
        else f"Config `{graph.config.name}`; the training data is whatever its owner trained it on.",
        "",
        "## Accuracy and equality",
        "",
        f"On {samples} images of `{data}`: symmetric best Dice {checked.accuracy:.3f} by Keras. Every file ran in its"
        f" own runtime on pictures with {', '.join(map(str, checked.counts))} objects, beside the Keras model:",
        "",
        check.table(rows),
        "",
        "Equal pixels are counted up to the numbering of the objects; scores are compared object by object.",
        "",
        "## Intended use and limits",
        "",
        "Counting and outlining objects like those the model was trained on, where a person can look at the result."
        " Figures on other images must be measured there (`ris-evaluate`). Not for medical, legal or safety decisions"
        f" without a validation of one's own. More than {graph.steps} objects in one look are not all found.",
        "",
    ]
    return "\n".join(lines)


def to_json(content):
    return json.dumps(content, indent=2) + "\n"
