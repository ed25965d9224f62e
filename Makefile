# One virtual environment, .venv, made on first use; every target works on a fresh clone.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/pip --disable-pip-version-check --quiet
SOURCES := hwsim characterize compress tests
DEMO   := results/runs/demo

.PHONY: demo test test-slow lint bench clean

$(VENV)/pip.stamp:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/run.stamp: $(VENV)/pip.stamp pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e .
	touch $@

$(VENV)/test.stamp: $(VENV)/run.stamp
	$(PIP) install -c constraints.txt -e '.[test]'
	touch $@

$(VENV)/lint.stamp: $(VENV)/run.stamp
	$(PIP) install -c constraints.txt -e '.[lint,test]'
	touch $@

demo: $(VENV)/run.stamp  ## characterize a MAC, simulate ResNet50, search on the digits
	rm -rf $(DEMO)
	$(BIN)/characterize run --out $(DEMO)/mac --ci 0.1
	$(BIN)/hwsim simulate resnet50 --accelerator paper --mac-table $(DEMO)/mac/mac_energy.json
	$(BIN)/compress search --model digits-cnn --data digits --episodes 60 --mac-table $(DEMO)/mac/mac_energy.json \
	    --out $(DEMO)/search

test: $(VENV)/test.stamp  ## the fast suite
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: $(VENV)/test.stamp  ## everything, the long checks included
	$(BIN)/python -m pytest -m 'slow or not slow' --timeout 3600

bench: $(VENV)/test.stamp  ## speeds, as ratios side by side in one run
	$(BIN)/python -m pytest tests/benchmarks -m 'slow or not slow' --benchmark-enable --timeout 3600

lint: $(VENV)/lint.stamp
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pylint hwsim characterize compress

clean:
	rm -rf $(VENV) results/runs
