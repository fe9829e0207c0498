# One word for each thing that CI does.
.PHONY: check lint types contracts test

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
