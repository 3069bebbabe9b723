"""One file for each export format, and `table`, which lists them.

`to_saved_model`, `to_litert`, `to_onnx` and `to_openvino` convert a model, each as a program of its own; `to_web`,
`to_triton` and `to_bioimageio` make folders or archives of converted files.

Start with `table`; a new format is a new file and a row there.
"""
