# Two commands: `make run` and `make test`. Each first brings the machine to where it works.
ARGS ?=
# programs that packages bring, such as the object store of the tests
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: help run test test-gis conformance

help:
	@echo "make run    serve with demo data at http://127.0.0.1:8311 (another PORT: make run PORT=8312)"
	@echo "make test   lint, types and tests; fewer tests: make test ARGS=\"tests/api -k services\""
	@echo "make test-gis    the services in QGIS and GDAL, on Debian and Ubuntu, whose packages it installs"
	@echo "make conformance SUITES=folder    the OGC's test suites, which are in that folder (docs/gis.md)"

run: .venv/.synced
	@.venv/bin/open311 serve --demo

test: .venv/.synced-for-tests
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

test-gis: .venv/.synced-for-gis
	.venv/bin/pytest -m gis tests/gis

conformance: .venv/.synced-for-tests
	.venv/bin/python -m tests.conformance $(SUITES)

.venv/.synced-for-gis: uv.lock pyproject.toml bin/bootstrap open311/binaries.py
	@bin/bootstrap --gis

.venv/.synced-for-tests: uv.lock pyproject.toml bin/bootstrap open311/binaries.py
	@bin/bootstrap --tests

.venv/.synced: uv.lock pyproject.toml bin/bootstrap open311/binaries.py
	@bin/bootstrap
