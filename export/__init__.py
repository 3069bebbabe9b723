"""Trained models as files for other runtimes: SavedModel, LiteRT, ONNX. Installed as `ris_tf.export`.

`main` has the flags of ris-export; `job` is one export; `formats/` has one file for each format and their table;
`graph` is the one graph that every format contains, with `geometry` and `endpoints` (its signatures); `quantize`,
`flatbuffer` and `subgraphs` belong to LiteRT; `onnx_graph` to ONNX; `check` compares each file with Keras by `trial`,
which runs it in its own runtime on `pictures`; `card` writes MODEL_CARD.md and metadata.json; `artifact` runs the
conversions; `preset` writes the LiteRT file of a preset. `web/` is the page for browsers, `serving/` has files for
model servers.

Start with `job.export`; a new format with `formats/table.py`.
May import: commands, data, data.synthetic, errors, evaluation, files, inference, model, network, on_openvino, presets,
ris_tf, runtime, settings, storage.
"""
