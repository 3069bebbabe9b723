"""Runs the notebooks of this folder and stores their output in them: python examples/write_notebooks.py

Needs `pip install '.[examples]'`. A cell is kept as it is; only its output changes.
"""

import tempfile
from pathlib import Path

import nbclient
import nbformat

HERE = Path(__file__).resolve().parent


def run(path, folder):
    """Runs a notebook in a folder; returns it with the output of its cells.

    Raises:
      nbclient.exceptions.CellExecutionError: a cell failed.
    """
    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    return nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources=resources).execute()


if __name__ == "__main__":
    for file in sorted(HERE.glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as folder:
            done = run(file, folder)
        for cell in done.cells:
            cell.metadata = {}  # times of the execution, which differ from run to run
            for output in cell.get("outputs", []):
                if "image/jpeg" in output.get("data", {}):
                    output["data"].pop("image/png", None)  # the same picture, but larger
        nbformat.write(done, file)
        print(file.name)
