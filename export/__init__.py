"""Export of trained models to SavedModel, LiteRT and ONNX, installed as `ris_tf.export`; the command is in `main`."""
