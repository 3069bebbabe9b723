# Everything runs from .venv, which is made on first use and again when setup.cfg changes.

PYTHON := $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
export TF_CPP_MIN_LOG_LEVEL := 2

.PHONY: demo test test-slow lint wheel clean

.venv: .venv/stamp

.venv/stamp: setup.cfg pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	touch $@

demo: .venv/stamp
	$(BIN)/python -m ris_tf.demo --out=demo_out

test: lint
	$(BIN)/python -m pytest -m "not slow"

test-slow: .venv/stamp
	$(BIN)/python -m pytest -m slow

lint: .venv/stamp
	$(BIN)/ruff check .

wheel: .venv/stamp
	rm -rf build
	$(BIN)/python -m build --wheel --outdir dist
	du -h dist/*.whl

clean:
	rm -rf build dist demo_out *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path "./.venv/*" -prune -exec rm -rf {} +
