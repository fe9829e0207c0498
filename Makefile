# One word for each thing that CI does.
.PHONY: check lint types contracts test fuzz lock wheelhouse sbom

check: lint types contracts test

lint:
	ruff check .
	ruff format --check .

types:
	mypy

contracts:
	lint-imports

test:
	pytest

# A short run of every fuzz target; RUNS=1000000 TARGETS=tables for a long one.
RUNS ?= 2000
TARGETS ?= decoder zip hdf5 tables card journal points
fuzz:
	for target in $(TARGETS); do python -m tests.fuzz.run $$target -runs=$(RUNS) || exit 1; done

lock:
	python -m tools.lock

# Everything for an installation without a network: pip install --no-index --find-links wheelhouse …
# LOCK=requirements-cpu.lock for machines without a GPU; PyTorch's CPU build is fetched apart then.
LOCK ?= requirements.lock
wheelhouse:
	pip download --no-deps --require-hashes -r $(LOCK) -d wheelhouse

# What is in the pinned set, in CycloneDX; needs cyclonedx-bom.
sbom:
	cyclonedx-py requirements requirements.lock --of JSON -o sbom.json
