"""Export of trained models to SavedModel, LiteRT and ONNX, installed as `ris_tf.export`.

`artifact.convert` runs a converter; the command ris-export is still to come.
"""
