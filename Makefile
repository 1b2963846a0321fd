# Everything runs in .venv. The first target that needs it makes it; after a change of pyproject.toml it is updated.

PYTHON ?= python3
ARGS ?=
VENV := .venv
RUN := $(VENV)/bin/python
SHELL_FILES := .ci/run $(shell find core tui tests packages -name '*.sh')
# Many tests wait for servers: more workers than cores. Each starts its own servers; more than four wait for one another.
WORKERS ?= --numprocesses=4 --dist=worksteal

.DEFAULT_GOAL := help
.PHONY: help demo test test-bare bounds lint bench bench-dashboard screenshots soak clean dist words test-install docs

# A .venv whose Python is gone (the system upgraded it) is installed again.
STALE := $(shell test ! -d $(VENV) || $(RUN) -c 'import pip' 2>/dev/null || rm -f $(VENV)/.installed-*)

help:
	@echo 'make demo         try Turnout on four servers that it starts on this machine'
	@echo 'make test         run the tests           (ARGS="-k rollback" for some)'
	@echo 'make bounds       run some of them with the oldest and the newest dependencies that are allowed'
	@echo 'make test-bare    run the tests as on a machine that has only python3, make and git'
	@echo 'make lint         check style, types, imports and shell programs'
	@echo 'make bench        measure against other ways to deploy'
	@echo 'make bench-dashboard  measure what the dashboard sends, costs and lets a person wait for'
	@echo 'make docs         write the documentation as a site to build/site; a broken link is an error'
	@echo 'make screenshots  draw screenshots/ again (the tests compare them)'
	@echo 'make soak         break deploys for a long time'
	@echo 'make words        write again what is made from the words of the command and from the models'
	@echo 'make dist         make the packages from the last commit'
	@echo 'make test-install install the packages from the package index, with pip, pipx and uv'
	@echo 'make clean        remove .venv and files that tools left'

$(VENV)/.installed-%: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'Turnout needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...' >&2; exit 1; }
	@$(RUN) -c 'import pip' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@

demo: $(VENV)/.installed-demo
	$(VENV)/bin/turnout demo

test: $(VENV)/.installed-dev
	$(RUN) -m pytest $(WORKERS) $(ARGS)

bounds:
	$(PYTHON) -m tests.bounds $(ARGS)

# What a machine without an sshd and other programs decides; the rest is the same code on the same Python, and parameters
# decide the same there. Needs root.
test-bare: $(VENV)/.installed-dev
	tests/bare.sh $(RUN) -m pytest $(WORKERS) -m 'not soak and not slow' --one-each tests/engine tests/faults $(ARGS)

lint: $(VENV)/.installed-dev
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy
	$(VENV)/bin/lint-imports
	shellcheck $(SHELL_FILES)

bench: $(VENV)/.installed-dev
	$(RUN) -m tests.bench $(ARGS)

bench-dashboard: $(VENV)/.installed-dev
	$(RUN) -m tests.bench.dashboard $(ARGS)

screenshots: $(VENV)/.installed-dev $(VENV)/.installed-screenshots
	$(RUN) -m tests.screenshots $(ARGS)

# ARGS="-k kills_in_batches" or "-k kills_of_blue_green" with FAULTS_KILLS=200, "-k kills" with FAULTS_KILLS=500, "-k walk" with FAULTS_MINUTES=20, "-k breaks" with FAULTS_BREAKS=200;
# "-k fleets" with FLEET_SERVERS=200 and FLEET_RUNS=50; "-k keys" with TYPED=5000; "-k days" with FAULTS_DAYS=1000; FAULTS_SEED=N does again what a seed did.
soak: $(VENV)/.installed-dev
	$(RUN) -m pytest -m soak --timeout=0 $(ARGS)

clean:
	rm -rf $(VENV) .venv-oldest .venv-newest build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache snapshot_report.html
	find core tui tests -name __pycache__ -type d -prune -exec rm -rf {} +

words: $(VENV)/.installed-dev
	$(RUN) -m tui.cli.completion_words > tui/cli/words.json.new && mv tui/cli/words.json.new tui/cli/words.json
	$(RUN) -m tui.cli.man_page > docs/turnout.1.new && mv docs/turnout.1.new docs/turnout.1
	$(VENV)/bin/turnout schema > docs/turnout.schema.json.new && mv docs/turnout.schema.json.new docs/turnout.schema.json

# ARGS="--url https://..." says where the sdist will be published.
dist: $(VENV)/.installed-dev
	$(RUN) -m packages $(ARGS)

test-install: $(VENV)/.installed-dev
	$(RUN) -m pytest -m soak --timeout=0 tests/engine/test_packages.py $(ARGS)

# Neither fonts nor scripts come from elsewhere: the site is read without a network, and nobody is counted.
docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --quiet --strict
	@! grep -rnoE '<(script|link|img)[^>]*(src|href)="?https?:[^ >]*' build/site --include='*.html'
