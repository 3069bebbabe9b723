"""Export of trained models to SavedModel, LiteRT and ONNX, installed as `ris_tf.export`; the exporters come next."""
