# Everything runs from .venv, which is created on first use and updated when setup.cfg or pyproject.toml changes.

# The first Python of this list that starts, is new enough, and can create an environment with pip.
CANDIDATES := python3.11 python3 /usr/bin/python3.11 /usr/bin/python3 python3.12 python3.13
USABLE := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON = $(shell for p in $(CANDIDATES); do $$p -c "$(USABLE)" 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
export TF_CPP_MIN_LOG_LEVEL := 2

.PHONY: demo test test-faults test-slow test-large test-serving test-beam test-workers test-lowest test-legacy test-load \
	test-runtimes bazel-test lint docs wheel wheel-runtime release-check clean

.venv: .venv/stamp

.venv/stamp: setup.cfg pyproject.toml
	@test -x $(BIN)/python || test -n "$(PYTHON)" || { \
		echo "no Python 3.11 or newer with venv and ensurepip; install one, or give its path as PYTHON=..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	touch $@

TWO := --numprocesses=2 --dist=worksteal  # two processes, because most tests use only one thread

demo: .venv/stamp
	$(BIN)/python -m ris_tf.demo --out=demo_out

test: lint
	$(BIN)/python -m pytest -m "not slow" $(TWO)

test-slow: .venv/stamp
	$(BIN)/python -m pytest -m slow $(TWO) || test $$? -eq 5  # exit status 5: no test is marked slow

# Fault injection: training is killed, stopped, out of disk space, or its files damaged, some sixty times.
# JSON=FILE records every fault.
test-faults: .venv/stamp
	$(BIN)/python tests/faults $(if $(JSON),--json=$(JSON))

# Runs ris-predict on a mosaic with a known count, SIDE pixels wide; about 5 minutes of CPU time and 2 GB of disk.
test-large: .venv/stamp
	$(BIN)/python benchmarks/large.py --side=$(or $(SIDE),20000) $(if $(JSON),--json=$(JSON))

# Tests with a real Triton server, in an environment of its own (about 700 MB), because it needs an older NumPy.
test-serving: .venv/stamp .venv-triton/stamp
	$(BIN)/ris-export --model=rosettes --format=triton --images=16 --out=build/serving
	RIS_TRITON=build/serving/triton PYTHONPATH=. .venv-triton/bin/python -m pytest --noconftest tests/export/test_triton.py

.venv-triton/stamp:
	$(PYTHON) -m venv .venv-triton
	.venv-triton/bin/python -m pip install --quiet --disable-pip-version-check \
		nvidia-pytriton==0.7.0 "numpy<2" ai-edge-litert pytest scipy pillow
	touch $@

# Tests of ris-batch with the extra `beam`, in an environment of its own (about 3 GB). JSON=FILE stores the figures.
test-beam: .venv-beam/stamp build/batch/model.tflite
	.venv-beam/bin/python -m pytest tests/batch
	.venv-beam/bin/python tests/harness/batch.py --model=build/batch/model.tflite $(if $(JSON),--json $(JSON))

.venv-beam/stamp: setup.cfg
	test -x .venv-beam/bin/python || $(PYTHON) -m venv .venv-beam
	.venv-beam/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[beam]" pytest
	touch $@

build/batch/model.tflite: .venv/stamp
	$(BIN)/ris-export --model=rosettes --format=tflite --out=build/batch

# Trains with one, two and four processes on the loopback interface; some are killed. JSON=FILE stores the figures.
test-workers: .venv/stamp
	$(BIN)/python tests/harness/workers.py $(if $(JSON),--json $(JSON))

# The fast tests on Python 3.11 with the lowest version of every requirement in setup.cfg; about 2 GB.
test-lowest: .venv-lowest/stamp
	.venv-lowest/bin/python -m pytest -m "not slow" $(TWO)

LOWER_BOUNDS := s/^(    |[a-z]+ = )([A-Za-z0-9_-]+)(\[[a-z]+\])?>=([0-9.]+).*/\2==\4/p

.venv-lowest/stamp: setup.cfg pyproject.toml
	rm -rf .venv-lowest
	python3.11 -m venv .venv-lowest
	sed -nE "$(LOWER_BOUNDS)" setup.cfg >.venv-lowest/lowest.txt
	.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check --constraint=.venv-lowest/lowest.txt \
		--editable ".[dev]"
	touch $@

# Tests exported SavedModels in the newest TensorFlow that tensorflow-addons works with, in an environment of its own
# (2 GB).
test-legacy: .venv/stamp .venv-legacy/stamp
	$(BIN)/python tests/harness/legacy.py --python=.venv-legacy/bin/python $(if $(JSON),--json $(JSON))

.venv-legacy/stamp:
	python3.11 -m venv .venv-legacy
	.venv-legacy/bin/python -m pip install --quiet --disable-pip-version-check \
		tensorflow==2.15.1 keras==2.15.0 tensorflow-addons==0.23.0 typeguard==2.13.3 "numpy==1.26.*"
	touch $@

# Runs exported files in other runtimes, each in an environment of its own (about 2 GB), and prints the table of
# docs/runtimes.md.
test-runtimes: .venv/stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev,openvino]"
	test -f build/runtimes/metadata.json || $(BIN)/ris-export --model=rosettes --quantize=none,int8 \
		--format=saved_model,tflite,onnx,openvino --out=build/runtimes
	$(BIN)/python tests/harness/runtimes.py --exported=build/runtimes $(if $(JSON),--json $(JSON))

# Load test: PREDICTIONS images of mixed sizes in each runtime, for at most MINUTES. Checks memory, bitwise equal results
# and thread safety.
test-load: .venv/stamp
	$(BIN)/python tests/harness/load.py $(if $(PREDICTIONS),--predictions $(PREDICTIONS)) \
		$(if $(MINUTES),--minutes $(MINUTES)) $(if $(JSON),--json $(JSON))

# Runs the tests with Bazel, offline; Debian's bazel-bootstrap is enough. For a single file give
# BAZEL_TESTS=//tests:instances/test_labels.
BAZEL_TESTS := //tests/...
bazel-test: .venv/stamp
	PATH="$(CURDIR)/$(BIN):$$PATH" bazel test $(BAZEL_TESTS) --test_env=PATH --test_output=errors --local_test_jobs=1

lint: .venv/stamp
	$(BIN)/ruff check .

# Builds the documentation into build/docs; fails on a broken link or a page missing from the menu. To read it with the
# search working: python3 -m http.server --directory build/docs
docs: .venv/stamp
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict
	@echo "open build/docs/index.html"

wheel: .venv/stamp
	rm -rf build
	$(BIN)/python -m build --wheel --outdir dist
	du -h dist/*.whl

# The light distribution ris-tf-runtime, which predicts without TensorFlow.
wheel-runtime: .venv/stamp
	$(BIN)/python packaging/runtime/build.py dist
	du -h dist/*runtime*.whl

# Installs wheel and source archive of both distributions into fresh environments of each Python on this machine, and
# counts a picture there; up to 2 GB at a time, and about 15 GB to download. For a part of it give
# CHECK="--pythons=3.12 --distributions=ris-tf-runtime".
release-check: .venv/stamp
	$(BIN)/python packaging/release_check.py $(CHECK)

clean:
	rm -rf build dist demo_out *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path "./.venv/*" -prune -exec rm -rf {} +
