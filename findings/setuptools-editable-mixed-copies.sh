#!/usr/bin/env bash
# An editable install and an older copy of the same package on PYTHONPATH, in setuptools 80.9.0.
#
# Expected: if the older copy comes first on the path and lacks a module, importing that module raises
# ModuleNotFoundError, so that a benchmark of the older copy cannot run newer code.
# Seen on 2026-11-30 (setuptools 80.9.0, Python 3.11): if a project maps its folders one by one (package_dir), the
# finder of the editable install supplies the missing module. The process then runs a package of the older copy with a
# module of the newer one, without a word.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/python -m pip install --quiet --disable-pip-version-check setuptools==80.9.0
mkdir -p newer/orchard newer/recipes older/orchard
echo 'COPY = "newer"' | tee newer/orchard/__init__.py >newer/orchard/press.py
touch newer/recipes/__init__.py
echo 'COPY = "older"' >older/orchard/__init__.py
cat >newer/setup.cfg <<'CONFIG'
[metadata]
name = orchard
version = 2
[options]
packages =
    orchard
    orchard.recipes
package_dir =
    orchard = orchard
    orchard.recipes = recipes
CONFIG
printf '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n' >newer/pyproject.toml
env/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable newer
PYTHONPATH=older env/bin/python - <<'PYTHON'
import orchard
import orchard.press

print(f"orchard is the {orchard.COPY} copy, orchard.press the {orchard.press.COPY} one")
assert (orchard.COPY, orchard.press.COPY) == ("older", "newer"), "the two copies are no longer mixed"
PYTHON
