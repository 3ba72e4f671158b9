# Two commands set everything up: `make demo` and `make test`. Both work in .venv, made with $(PYTHON).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PACKAGES := runtime plugins share trainer export evaluation zoo_manifests cmake CMakeLists.txt pyproject.toml
SOURCES := $(shell git ls-files -co --exclude-standard $(PACKAGES) 2>/dev/null)
CPP := $(shell git ls-files -co --exclude-standard '*.c' '*.cpp' '*.h' 2>/dev/null)
RELEASED := $(SOURCES) $(shell git ls-files -co --exclude-standard distribution 2>/dev/null) README.md LICENSE NOTICE CHANGELOG.md
# Wheels carry the time of the last commit, so that a commit gives the same bytes again.
RELEASE_PATH := PATH=$(abspath $(BIN)):$$PATH SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct)
RELEASE := $(RELEASE_PATH) $(BIN)/python -m

.PHONY: demo test lint format native aarch64 wheel test-wheel jetson-kit test-jetson-kit clean help
.DELETE_ON_ERROR:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "%-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## install, encode and decode a photograph, compare with JPEG, WebP and AVIF
	$(BIN)/python examples/demo.py

test: $(VENV)/.dev .venv-oracle/.done ## install what tests need, and run them
	$(BIN)/python -m pytest -q --doctest-modules --pyargs licrt.runtime licrt.pillow licrt.imagecodecs licrt.trainer licrt.export licrt.evaluation
	$(BIN)/python -m pytest -n 2 tests

lint: $(VENV)/.dev ## ruff, mypy, clang-format, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cd $(VENV) && $(abspath $(BIN))/mypy --config-file ../pyproject.toml -p licrt.runtime -p licrt.pillow -p licrt.imagecodecs \
	  -p licrt.evaluation
	$(BIN)/clang-format --dry-run --Werror $(CPP)
	cd $(VENV) && $(abspath $(BIN))/lint-imports --config ../pyproject.toml

native: $(VENV)/.dev ## rebuild the C++ core in place, for working on a checkout
	$(BIN)/cmake -S . -B build/dev -G Ninja -DLICRT_IN_PLACE=ON -DPython_EXECUTABLE=$(abspath $(BIN)/python) \
	  -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja)
	$(BIN)/cmake --build build/dev

aarch64: $(VENV)/.dev ## cross-compile the C++ core for 64-bit ARM into build/aarch64, and run its tests under qemu
	@{ command -v aarch64-linux-gnu-g++ && command -v qemu-aarch64-static; } >/dev/null || \
	  { echo "this needs Debian's packages g++-aarch64-linux-gnu and qemu-user-static"; exit 1; }
	$(BIN)/cmake -S . -B build/aarch64 -G Ninja -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64-linux-gnu.cmake -DLICRT_PYTHON=OFF \
	  -DLICRT_TESTS=ON -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja)
	$(BIN)/cmake --build build/aarch64
	$(BIN)/ctest --test-dir build/aarch64 --output-on-failure

wheel: dist/.wheel ## build wheel and source distribution into dist/, and check them

dist/.wheel: $(RELEASED) | $(VENV)/.distribution
	rm -rf build/wheel dist/licrt-*.whl dist/licrt-[0-9]*.tar.gz
	$(RELEASE) validate_pyproject pyproject.toml
	$(RELEASE) build --outdir build/wheel .
	$(RELEASE) auditwheel repair --wheel-dir dist build/wheel/*.whl
	mv build/wheel/*.tar.gz dist
	$(RELEASE) abi3audit --strict --verbose dist/*.whl
	$(RELEASE) twine check --strict dist/*.whl dist/licrt-[0-9]*.tar.gz
	$(BIN)/python distribution/check.py dist/*.whl dist/licrt-[0-9]*.tar.gz
	@touch $@

test-wheel: dist/.wheel $(VENV)/.dev ## try what `make wheel` built under every Python from 3.10 to 3.13, and exchange streams
	LICRT_DIST=dist $(BIN)/python -m pytest -q tests/distribution/test_wheel.py

KIT := build/kit$(if $(OFFLINE),-offline)

jetson-kit: $(KIT)/.done ## build an archive for trying licrt on a Jetson, into dist/ (OFFLINE=1: with third-party wheels)

$(KIT)/.done: $(RELEASED) examples/photo.webp | $(VENV)/.demo $(VENV)/.distribution
	$(RELEASE_PATH) sh distribution/jetson/build.sh $(KIT) dist
	@touch $@

test-jetson-kit: $(KIT)/.done $(VENV)/.dev ## run the kit's script on 64-bit ARM, as qemu emulates it
	LICRT_DIST=dist $(BIN)/python -m pytest -q tests/distribution/test_jetson_kit.py

.PHONY: performance
performance: $(VENV)/.dev .venv-oracle/.done ## measure the table of README's section Numbers (PARTS="coder cold" for some rows)
	$(BIN)/python benchmarks/performance.py $(PARTS)

format: $(VENV)/.dev ## rewrite sources in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CPP)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(SOURCES) | $(BIN)/python
	$(PIP) '.[cpu]'
	@touch $@

$(VENV)/.dev: $(SOURCES) constraints.txt | $(BIN)/python
	$(PIP) -c constraints.txt '.[dev]'
	@touch $@ $(VENV)/.demo

$(VENV)/.distribution: distribution/requirements.txt | $(BIN)/python
	$(PIP) -r $<
	@touch $@

.venv-oracle/.done: tests/oracle/create.sh tests/oracle/requirements.txt
	PYTHON=$(PYTHON) bash tests/oracle/create.sh .venv-oracle && touch $@ || { rm -rf .venv-oracle; \
	  echo "CompressAI 1.2.8 cannot be installed for $(PYTHON); the tests that compare with it will be skipped"; }

clean: ## remove what make made
	rm -rf .venv .venv-oracle build dist demo-out
