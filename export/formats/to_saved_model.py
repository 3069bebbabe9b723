"""Converter to a SavedModel in the layout of TF Serving, saved_model/1; run by `artifact.convert`."""

from ris_tf.export import artifact, endpoints
from ris_tf.runtime import RECORD


def main():
    order, out = artifact.order_and_folder()
    graph = artifact.graph_of(order)
    folder = out / "saved_model" / "1"
    endpoints.write(graph, folder, endpoints.all_of(graph, None))
    (folder / "assets.extra").mkdir(exist_ok=True)  # the folder that TF Serving reserves for additional files
    (folder / "assets.extra" / RECORD).write_text(artifact.record(graph))


if __name__ == "__main__":
    main()
