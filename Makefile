# Everything from a fresh checkout, with nothing but make and Python 3.10 or newer:
#     make dataset directions train      the method on the built-in generator, into runs/demo
#     make dataset directions train GENERATOR=ffhq.safetensors RUN=runs/ffhq SEEDS=0-99999
# Each stage goes on where it was stopped.

PYTHON     ?= python3
RUN        ?= runs/demo
GENERATOR  ?= builtin
SEEDS      ?= 0-4095
SHARD_SIZE ?= 512
ATTRIBUTES ?= yaw,pitch,hair_length,hair_volume,hair_lightness
# Degrees that the hair source of a pair may nod: none without a direction of pitch.
NOD        ?= $(if $(findstring pitch,$(ATTRIBUTES)),5,0)
PRESET     ?= demo
STEPS      ?=
PROCESSES  ?= 2
PORT       ?= 7860

STAMP := .venv/.installed
RUN_PYTHON := .venv/bin/python -m

# Evaluation: faces in the gallery, transfers, triples of each kind of the benchmark (empty: all 780).
GALLERY    ?= 2000
SMALL      := $(filter 2000,$(GALLERY))
QUERIES    ?= $(if $(SMALL),200,1000)
PER_BUCKET ?= $(if $(SMALL),4)

# Published weights: make weights lists them, make weights FETCH=ffhq.pkl fetches one into weights/ and checks its sha256.
FETCH      ?=

.PHONY: setup dataset directions train evaluate demo weights builtin test test-slow lint bench

setup: $(STAMP)

$(STAMP): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) is not installed: install Python 3.10 or newer"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "error: $(PYTHON) is older than 3.10:" \
	    "name a newer one, for example make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "error: $(PYTHON) cannot make virtual environments:" \
	    "install its venv module (Debian and Ubuntu: apt install python3-venv)"; exit 1; }
	@echo "installing into .venv (PyTorch with CUDA is several GB; a minute or more)"
	@$(PYTHON) -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(STAMP)

# glibc's malloc otherwise gives large tensors back to the system and faults them in again on every pass: synthesis on one
# core is up to 1.3 times as fast this way at 64 px, 1.6 times at 256 px.
dataset directions train evaluate builtin: export MALLOC_MMAP_MAX_ := 0
dataset directions train evaluate builtin: export MALLOC_TRIM_THRESHOLD_ := 4294967296

dataset: setup
	$(RUN_PYTHON) synth.sample --generator $(GENERATOR) --seeds $(SEEDS) --shard-size $(SHARD_SIZE) --out $(RUN)/faces

directions: dataset
	$(RUN_PYTHON) directions.measure $(RUN)/faces
	$(RUN_PYTHON) directions.fit $(RUN)/faces --generator $(GENERATOR) --attributes $(ATTRIBUTES) --out $(RUN)/directions
	$(RUN_PYTHON) directions.pairs $(RUN)/faces --generator $(GENERATOR) --directions $(RUN)/directions --out $(RUN)/pairs \
	    --max-pitch-gap $(NOD)

train: directions
	$(RUN_PYTHON) hairnet.train --pairs $(RUN)/pairs --generator $(GENERATOR) --out $(RUN)/hairnet --preset $(PRESET) \
	    $(if $(STEPS),--steps $(STEPS))

# The network of the run where it has been trained, the shipped one otherwise. Minutes; the paper's sizes and the whole
# benchmark: make evaluate GALLERY=100000
evaluate: NETWORK = $(wildcard $(RUN)/hairnet/hairnet.safetensors)
evaluate: JUDGED = $(if $(NETWORK),--network $(NETWORK) --generator $(GENERATOR))
evaluate: setup
	$(RUN_PYTHON) evaluation.retrieval --gallery $(GALLERY) --queries $(QUERIES) --out $(RUN)/evaluation/retrieval $(JUDGED)
	$(RUN_PYTHON) evaluation.benchmark --out $(RUN)/evaluation/benchmark $(JUDGED) \
	    $(if $(PER_BUCKET),--per-bucket $(PER_BUCKET))
	$(RUN_PYTHON) evaluation.report $(RUN)/evaluation

# A page for the browser, on this computer alone: make demo PORT=8000
demo: setup
	$(RUN_PYTHON) hairnet.page --port $(PORT)

weights: setup
	$(RUN_PYTHON) data.public $(if $(FETCH),--name $(FETCH))

# The shipped networks, each from its recipe: renders, what reads poses, the generator, what reads faces, what transfers hair.
builtin: setup
	$(RUN_PYTHON) recipes.renders --set faces --out runs/renders/poses
	$(RUN_PYTHON) recipes.renders --set faces --heads 8000 --size 128 --out runs/renders/faces
	$(RUN_PYTHON) recipes.renders --set people --heads 4500 --size 128 --out runs/renders/people
	$(RUN_PYTHON) recipes.renders --set wigs --heads 4500 --out runs/renders/wigs
	$(RUN_PYTHON) recipes.pose --renders runs/renders/poses
	$(RUN_PYTHON) recipes.generator_data --out runs/renders/pairs
	OMP_NUM_THREADS=1 $(RUN_PYTHON) torch.distributed.run --standalone --nproc-per-node $(PROCESSES) \
	    -m recipes.generator runs/renders/pairs --out runs/builtin/generator
	cp runs/builtin/generator/generator.safetensors data/weights/generator.safetensors
	$(RUN_PYTHON) data.weights data/weights/generator.safetensors
	$(RUN_PYTHON) recipes.generated_people --out runs/renders/generated-people
	$(RUN_PYTHON) recipes.generated_people --same hair --out runs/renders/generated-hairs
	for kind in embedder embedder-loss hair hair-scorer; do \
	    $(RUN_PYTHON) recipes.identity --kind $$kind --renders runs/renders/people || exit 1; done
	$(RUN_PYTHON) recipes.generated --out runs/renders/generated
	$(RUN_PYTHON) recipes.parser --renders runs/renders/faces --generated runs/renders/generated
	$(RUN_PYTHON) recipes.directions --out runs/builtin/hairnet
	$(RUN_PYTHON) recipes.hairnet --out runs/builtin/hairnet --ship
	$(RUN_PYTHON) recipes.cards

test: setup
	.venv/bin/pytest -n 2 --dist loadgroup -m "not slow and not gpu"

test-slow: setup
	.venv/bin/pytest -m "slow or gpu"

lint: setup
	.venv/bin/ruff check .
	.venv/bin/mypy

# Every benchmark with a command of its own; files without one are parts of others.
bench: setup
	@for file in $$(grep -l '^if __name__ == "__main__":' benchmarks/*.py); do echo "$$file"; $(RUN_PYTHON) benchmarks.$$(basename $$file .py) || exit 1; done
