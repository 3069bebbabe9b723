"""Builds the archives of both distributions, installs each into fresh environments, and tries it there.

    python packaging/release_check.py --pythons=3.11,3.12,3.13 --distributions=ris-tf,ris-tf-runtime

An interpreter that is not on this machine is left out, and named. Exits with 1 if a check fails.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = "3.11,3.12,3.13"
DISTRIBUTIONS = {"ris-tf": ["-m", "build", "."], "ris-tf-runtime": ["packaging/runtime/build.py"]}
_DRAW = """
import numpy as np
from PIL import Image

rows, columns = np.indices((128, 128))
disc = np.hypot(rows % 32 - 15.5, columns % 32 - 15.5) < 9
Image.fromarray(np.uint8(20 + 180 * disc)).save("cells.png")  # 16 discs
"""
_IMPORT = "import ris_tf, ris_tf.runtime, sys; assert ris_tf.__file__.startswith(sys.prefix), ris_tf.__file__"
_COUNTS = "image,count,likely_low,likely_high,limit_reached\ncells.png,16,12,20,no\n"


def interpreter(version):
    """The path of a Python of a version such as "3.12", on the PATH or of pyenv; None if there is none."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for found in (shutil.which(f"python{version}"), *root.glob(f"{version}.*/bin/python")):
        if found and subprocess.run([found, "-c", "import ensurepip, venv"], capture_output=True).returncode == 0:
            return str(found)
    return None


def build(distribution, out):
    """Builds a distribution into the folder `out`; returns the Paths of its wheel and its source archive."""
    command = DISTRIBUTIONS[distribution]
    where = [f"--outdir={out}"] if "build" in command else [str(out)]
    subprocess.run([sys.executable, *command, *where], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return sorted(out.iterdir(), reverse=True)  # .whl comes first


def check(python, archive, folder):
    """Installs an archive into a fresh environment in `folder` and tries it.

    Returns:
      megabytes that were installed, and seconds of processor time of the second prediction.
    """
    home = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    def run(*words):
        done = subprocess.run([str(word) for word in words], cwd=folder, env=home, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{words[0]}: {(done.stderr or done.stdout).strip()[-500:]}")

    run(python, "-m", "venv", "environment")
    binary, site = folder / "environment" / "bin", folder / "environment" / "lib"
    before = _megabytes(site)
    run(binary / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", archive)
    size = _megabytes(site) - before
    run(binary / "python", "-c", _IMPORT)
    run(binary / "python", "-c", _DRAW)
    run(binary / "ris-describe", "nuclei")
    for _ in range(2):  # the first one may still compile modules
        start = resource.getrusage(resource.RUSAGE_CHILDREN)
        run(binary / "ris-predict", "--model=nuclei", "cells.png", "--out=found")
        end = resource.getrusage(resource.RUSAGE_CHILDREN)
    counts = (folder / "found" / "counts.csv").read_text()
    if counts != _COUNTS:
        raise RuntimeError(f"counts.csv holds {counts!r}; expected {_COUNTS!r}")
    return size, end.ru_utime + end.ru_stime - start.ru_utime - start.ru_stime


def _megabytes(folder):
    return sum(file.lstat().st_blocks * 512 for file in folder.rglob("*")) / 2**20  # as du counts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pythons", default=PYTHONS, help="versions of Python, separated by commas")
    parser.add_argument("--distributions", default=",".join(DISTRIBUTIONS), help="which of them, separated by commas")
    given = parser.parse_args()
    unknown = set(given.distributions.split(",")) - set(DISTRIBUTIONS)
    if unknown:
        parser.error(f"--distributions: unknown: {', '.join(sorted(unknown))}; expected {', '.join(DISTRIBUTIONS)}")
    failed = tried = 0
    for distribution in given.distributions.split(","):
        with tempfile.TemporaryDirectory() as out:
            archives = build(distribution, Path(out))
            for version in given.pythons.split(","):
                python = interpreter(version)
                if python is None:
                    print(f"Python {version}: not on this machine, left out", flush=True)
                    continue
                for archive in archives:
                    tried += 1
                    try:
                        with tempfile.TemporaryDirectory() as folder:
                            size, seconds = check(python, archive, Path(folder))
                        said = f"works; {size:.0f} MB installed, a picture in {seconds:.2f} s of processor time"
                    except RuntimeError as error:
                        failed += 1
                        said = f"FAILED: {error}"
                    print(f"Python {version}, {archive.name}: {said}", flush=True)
    print(f"{tried} installations, {failed} failed")
    sys.exit(1 if failed or not tried else 0)


if __name__ == "__main__":
    main()
