# Each target does its own set-up; it needs Python 3.10 or later and git. `make` lists the targets.

ifndef PYTHON
PYTHON := $(shell .ci/find-python)
endif

BIN := .venv/bin
NEWER := 3.14 3.15
HOSTS := poetry-lowest poetry-newest hatch-lowest hatch-newest
SET_UP = @$(if $(PYTHON),,exit 1;) $(PYTHON) .ci/environments.py
# Tests wait for servers and child processes, so four workers keep two cores busy; more would only
# start more servers. Idle workers take tests from others; `tests/conftest.py` deals the slow ones out.
PYTEST := $(BIN)/python -m pytest -q -n 4 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help demo test lint docs chaos fuzz test-real test-windows test-newer bench coverage release-rehearsal lock clean

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

demo: ## build, publish and install both examples
	$(SET_UP) dev poetry-newest hatch-newest wheelhouse
	@$(BIN)/python examples/demo.py

test: ## run all tests: unit tests, and tests against real servers and hosts
	$(SET_UP) dev servers keyrings linters builds-lowest $(HOSTS) wheelhouse
	@$(PYTEST) -m "not chaos and not fuzz and not real and not rehearsal" $(TESTS)

lint: ## run ruff, mypy, import-linter, zizmor and the check for plain English
	$(SET_UP) dev
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-cache >.cache/lint-imports.log || { cat .cache/lint-imports.log; exit 1; }
	@$(BIN)/python tools/plain_english.py
	@$(BIN)/zizmor --offline --no-progress --quiet --persona=pedantic .github action.yml >.cache/zizmor.log || { cat .cache/zizmor.log; exit 1; }

docs: ## build the documentation into site/, with the reference generated from the code
	$(SET_UP) dev docs
	@for tool in reference errors diagrams; do $(BIN)/python tools/$$tool.py || exit 1; done
	@NO_MKDOCS_2_WARNING=1 .cache/environments/docs/bin/mkdocs build --strict --quiet
	@$(BIN)/python tools/site.py

chaos: ## run the long chaos tests, with more seeds and more kills
	$(SET_UP) dev servers $(HOSTS) wheelhouse
	@$(PYTEST) -m chaos tests/integration

fuzz: ## run the fuzz tests of all parsers; FUZZ_EXAMPLES=N for each target (3000)
	$(SET_UP) dev
	@$(PYTEST) -m fuzz tests/fuzz

test-real: ## check popular files of PyPI, and compare builds of many real projects with those of their backends
	$(SET_UP) dev servers wheelhouse
	@$(BIN)/python -m pytest -q tests/integration/test_popular_files.py tests/integration/test_real_projects.py
	@$(BIN)/python -m pytest -q -m real tests/integration/test_isolated_builds.py tests/integration/test_own_workflows.py

test-windows: ## run the unit tests on Python for Windows, with wine on Debian; TESTS=... selects some
	@tools/windows.sh test $(TESTS)

test-newer: ## run the unit tests and the demo on Pythons of the next Debian, NEWER="3.14 3.15", as root
	@for version in $(NEWER); do tools/newer.sh $$version test $(TESTS) && tools/newer.sh $$version demo || exit 1; done

bench: ## run the benchmarks, one after another
	$(SET_UP) dev servers builds wheelhouse
	@for benchmark in benchmarks/*.py; do $(BIN)/python $$benchmark || exit 1; done

release-rehearsal: ## publish our three distributions to servers on this machine, and install them from there
	$(SET_UP) dev servers wheelhouse
	@$(BIN)/python tools/release_rehearsal.py
	@$(BIN)/python -m pytest -q -m rehearsal tests/integration/test_own_workflows.py

coverage: ## measure the coverage of the unit tests
	$(SET_UP) dev
	@$(BIN)/coverage run -m pytest -q -m "not chaos and not fuzz and not real" tests/shared tests/poetry_plugin tests/hatch_plugin
	@$(BIN)/coverage report --skip-covered --sort cover | tail -n 30

lock: ## update the locks of the environments
	$(SET_UP) dev
	@$(PYTHON) .ci/environments.py --lock

clean: ## remove the environments and all built files
	rm -rf .venv .cache dist site examples/*/dist
