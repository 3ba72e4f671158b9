# Two commands set everything up: `make demo` and `make test`. Both work in .venv, made with $(PYTHON).
PYTHON ?= python3
PICTURES ?= ../shared/data/kodak
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

.PHONY: demo report model-card test test-emulated large-set lint format native aarch64 s390x conformance wheel test-wheel \
  jetson-kit test-jetson-kit performance hostile fuzz fuzz-corpus fuzz-needs clean help
.DELETE_ON_ERROR:

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9 -]+:.*## /{printf "%-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## install, encode and decode a photograph, compare with JPEG, WebP and AVIF
	$(BIN)/python examples/demo.py

# Four of Kodak's pictures where the data folder is, else photographs of this repository.
REPORTED := $(wildcard $(patsubst %,../shared/data/kodak/kodim%.png,05 15 19 23))
REPORTED := $(or $(REPORTED),examples/photo.webp $(wordlist 1,3,$(wildcard export/photos/check/*)))

report: $(VENV)/.eval ## measure the embedded model and five rivals on four pictures, make report-out/report.html
	mkdir -p report-out/pictures
	cp -p $(REPORTED) report-out/pictures
	$(BIN)/lic-eval rd report-out/pictures -o report-out -f
	$(BIN)/lic-eval anchors report-out/pictures -o report-out -f $(patsubst %,-c %,jpeg jpeg2000 webp avif jpegxl)
	$(BIN)/lic-eval report report-out --pictures report-out/pictures -f

model-card: $(VENV)/.eval ## measure the embedded model at eleven qualities on PICTURES beside JPEG, WebP and AVIF, into docs/models/kodak
	$(BIN)/lic-eval rd $(PICTURES) $(patsubst %,-q %,0 10 20 30 40 50 60 70 80 90 100) -o model-card-out
	$(BIN)/lic-eval anchors $(PICTURES) -o model-card-out -c jpeg -c webp -c avif
	$(BIN)/lic-eval report model-card-out -f
	for metric in psnr-rgb ms-ssim-rgb; do \
	  $(BIN)/lic-eval bd model-card-out/licrt2026-mse.json model-card-out/jpeg.json model-card-out/webp.json model-card-out/avif.json \
	    --metric $$metric; done
	mkdir -p docs/models/kodak
	cp model-card-out/*.json model-card-out/plot-psnr-rgb.png model-card-out/plot-ms-ssim-rgb.png docs/models/kodak

test: $(VENV)/.dev .venv-oracle/.done ## install what tests need, and run them
	$(BIN)/python -m pytest -q --doctest-modules --pyargs licrt.runtime licrt.pillow licrt.imagecodecs licrt.trainer licrt.export licrt.evaluation
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not emulated" tests

test-emulated: $(VENV)/.dev ## run the tests of 64-bit ARM and IBM Z, under qemu
	$(BIN)/python -m pytest -n 2 --dist loadfile -m emulated tests

large-set: $(VENV)/.dev ## measure 2,000 small pictures by processes and by Ray, kill one run half-way, compare (PICTURES=folder)
	$(PIP) '.[ray]'
	$(BIN)/python benchmarks/large_set.py $(PICTURES)

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

aarch64 s390x: $(VENV)/.dev ## cross-compile the C++ core for 64-bit ARM or IBM Z, and run its tests under qemu
	@{ command -v $@-linux-gnu-g++ && command -v qemu-$@-static; } >/dev/null || \
	  { echo "this needs Debian's packages g++-$@-linux-gnu and qemu-user-static"; exit 1; }
	$(BIN)/cmake -S . -B build/$@ -G Ninja -DCMAKE_TOOLCHAIN_FILE=cmake/$@-linux-gnu.cmake -DLICRT_PYTHON=OFF \
	  -DLICRT_TESTS=ON -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja)
	$(BIN)/cmake --build build/$@
	$(BIN)/ctest --test-dir build/$@ --output-on-failure

conformance: $(VENV)/.dev ## decode the conformance streams in every environment there is, and print one matrix (ONLY=, REQUIRE=: lanes)
	$(BIN)/python -m conformance.matrix $(if $(ONLY),--only $(ONLY)) $(if $(REQUIRE),--require $(REQUIRE))

CLANG ?= clang
FUZZ_SECONDS ?= 900
VENV_FUZZ ?= .venv-fuzz
FUZZ_TARGETS ?= $(patsubst fuzz/%.cpp,%,$(filter-out fuzz/replay.cpp,$(wildcard fuzz/*.cpp))) readers

fuzz: fuzz-needs build/fuzz/.built ## fuzz each of FUZZ_TARGETS for FUZZ_SECONDS (docs/fuzzing.md)
	PYTHON=$(VENV_FUZZ)/bin/python sh fuzz/run.sh $(FUZZ_SECONDS) $(FUZZ_TARGETS)

fuzz-corpus: fuzz-needs build/fuzz/.built ## rewrite fuzz/corpus with what `make fuzz` found, as small as covers the same
	PYTHON=$(VENV_FUZZ)/bin/python sh fuzz/minimise.sh $(FUZZ_TARGETS)

fuzz-needs:
	@command -v $(CLANG)++ >/dev/null || { echo "this needs Debian's packages clang and libclang-rt-dev"; exit 1; }

build/fuzz/.built: $(VENV)/.dev $(VENV_FUZZ)/.done $(wildcard fuzz/*.cpp fuzz/*.h tests/runtime/native/*.h examples/c/*)
	$(BIN)/cmake -S . -B build/fuzz -G Ninja -DLICRT_PYTHON=OFF -DLICRT_FUZZ=ON -DCMAKE_BUILD_TYPE=None \
	  -DCMAKE_C_COMPILER=$(CLANG) -DCMAKE_CXX_COMPILER=$(CLANG)++ -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja)
	$(BIN)/cmake --build build/fuzz
	@touch $@

# Atheris has wheels for some Pythons only, and brings its own libFuzzer: kept apart from what is developed with.
$(VENV_FUZZ)/.done: fuzz/requirements.txt $(SOURCES)
	test -x $(VENV_FUZZ)/bin/python || $(PYTHON) -m venv $(VENV_FUZZ)
	$(VENV_FUZZ)/bin/python -m pip install --quiet --disable-pip-version-check . -r fuzz/requirements.txt
	@touch $@

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

performance: $(VENV)/.dev .venv-oracle/.done ## measure the table of README's section Numbers (PARTS="coder cold" for some rows)
	$(BIN)/python benchmarks/performance.py $(PARTS)

HOSTILE_STREAMS ?= 20000
HOSTILE_BUNDLES ?= 6000
HOSTILE_MODELS = build/hostile/* $(wildcard conformance/models/*)

hostile: $(VENV)/.dev ## try changed streams and bundles by the thousand, under sanitizers and without (docs/hostile-input.md)
	rm -rf build/hostile
	$(BIN)/python hostile/models.py build/hostile
	$(BIN)/python hostile/streams.py $(HOSTILE_MODELS) --count $(HOSTILE_STREAMS)
	$(BIN)/python hostile/streams.py $(HOSTILE_MODELS) --count $(HOSTILE_STREAMS) --plain
	$(BIN)/python hostile/bundles.py $(HOSTILE_MODELS) --count $(HOSTILE_BUNDLES)
	$(BIN)/python hostile/bundles.py $(HOSTILE_MODELS) --count $(HOSTILE_BUNDLES) --plain

format: $(VENV)/.dev ## rewrite sources in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CPP)

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(SOURCES) | $(BIN)/python
	$(PIP) '.[cpu]'
	@touch $@

$(VENV)/.eval: $(SOURCES) | $(BIN)/python
	$(PIP) '.[eval]'
	@touch $@ $(VENV)/.demo

$(VENV)/.dev: $(SOURCES) constraints.txt | $(BIN)/python
	$(PIP) -c constraints.txt '.[dev]'
	@touch $@ $(VENV)/.demo $(VENV)/.eval

$(VENV)/.distribution: distribution/requirements.txt | $(BIN)/python
	$(PIP) -r $<
	@touch $@

.venv-oracle/.done: tests/oracle/create.sh tests/oracle/requirements.txt
	PYTHON=$(PYTHON) bash tests/oracle/create.sh .venv-oracle && touch $@ || { rm -rf .venv-oracle; \
	  echo "CompressAI 1.2.8 cannot be installed for $(PYTHON); the tests that compare with it will be skipped"; }

clean: ## remove what make made
	rm -rf .venv .venv-oracle .venv-fuzz build dist demo-out report-out
