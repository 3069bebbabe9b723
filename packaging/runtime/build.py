"""Builds the wheel and the source archive of ris-tf-runtime from the sources of this repository.

python packaging/runtime/build.py dist
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
_LEFT_OUT = shutil.ignore_patterns("*.h5", "BUILD.bazel", "__pycache__")


def stage(folder):
    """Copies what the distribution consists of into a folder: all modules but those of ris-export; no Keras weights.

    The modules that train stay, small as they are: where TensorFlow is installed, Keras can load a trained model.
    """
    shutil.copytree(ROOT / "ris_tf", folder / "ris_tf", ignore=_LEFT_OUT)
    shutil.copytree(ROOT / "configs", folder / "ris_tf" / "configs", ignore=_LEFT_OUT)
    for file in (HERE / "pyproject.toml", HERE / "README.md", ROOT / "LICENSE"):
        shutil.copy(file, folder)


def build(out):
    """Builds both archives into the folder `out`."""
    with tempfile.TemporaryDirectory() as folder:
        stage(Path(folder))
        subprocess.run([sys.executable, "-m", "build", "--outdir", str(Path(out).absolute()), folder], check=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("build.py: give the folder for the archives, as in build.py dist")
    build(sys.argv[1])
