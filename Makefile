PYTHON ?= python3
PIP = .venv/bin/python -m pip --quiet --disable-pip-version-check
# Only wheels, each pinned by its hash.
INSTALL = $(PIP) install --require-hashes --only-binary :all: --requirement
# Node 20 or newer, from the machine or from a wheel.
NODE := $(shell node -e 'process.exit(Number(parseInt(process.versions.node) < 20))' 2>/dev/null \
	&& command -v npm >/dev/null || echo .venv/node.stamp)
# Go 1.25 or newer, also from the machine or from a wheel, for the benchmarks.
GO := $(shell PATH=$$PATH:/usr/local/go/bin go version 2>/dev/null \
	| grep -qE 'go(1\.(2[5-9]|[3-9][0-9])|[2-9])' || echo .venv/go.stamp)

.PHONY: setup run test measure prove rules check fmt screenshots chaos chaos-cluster bench bench-full compare lock
.DELETE_ON_ERROR:
.NOTPARALLEL:
test measure prove rules check fmt: export PATH := $(CURDIR)/.venv/bin:$(PATH)
test measure check fmt: export NODE_USE_SYSTEM_CA := 1

setup: .venv/run.stamp

run: setup
	@exec .venv/bin/python server.py $(ARGS)

# Two tests per core, because many wait. Each worker has its own PostgreSQL and Chromium.
test: .venv/test.stamp node_modules/.package-lock.json
	tools/browser
	tools/proxies
	npm test --silent
	python -m pytest -m 'not measure and not prove' --numprocesses 4 --dist loadfile --no-loadscope-reorder

# The tests that measure time, CPU or memory: run nothing else on the machine.
measure: .venv/test.stamp node_modules/.package-lock.json
	tools/browser
	tools/proxies
	python -m pytest -m measure

# The tests that take minutes, storms of all kinds and the benchmarks: by hand, in an hour or two.
prove: .venv/bench.stamp .venv/test.stamp $(GO)
	tools/browser
	tools/other-browsers
	tools/peers
	python -m pytest -m prove
	python -m tests.chaos.prove
	python -m bench --rounds 5 --readme

# The rules of docs/api.md, each with its tests.
rules: .venv/test.stamp
	@python -m tests.support.rules

# Screenshots of each page and state, small and large, light and dark, into .screenshots/ and docs/.
screenshots: .venv/test.stamp
	tools/browser
	.venv/bin/python -m pytest tests/screenshots.py

# Kills the server 100 times and its database 20 times under load, and counts losses: some minutes.
chaos: .venv/test.stamp
	.venv/bin/python -m tests.chaos.run $(ARGS)

# Breaks three servers, their relay and their database under load, three times: half an hour.
chaos-cluster: .venv/bench.stamp .venv/test.stamp
	.venv/bin/python -m tests.chaos.prove several

# Measures this server and alternatives in turn: quickly, or for the tables in the documents.
bench: .venv/bench.stamp $(GO)
	tools/peers
	.venv/bin/python -m bench --rounds 2 --figures opening,sending,latency
bench-full: .venv/bench.stamp $(GO)
	tools/peers
	.venv/bin/python -m bench --rounds 5 --readme

# Compares the costs of this tree's server with another commit's, in ten rounds: make compare BASE=commit
compare: .venv/bench.stamp $(GO)
	.venv/bin/python -m bench.compare $(BASE)

check: .venv/check.stamp .venv/test.stamp node_modules/.package-lock.json
	ruff check && ruff format --check
	mypy && lint-imports && python -m tools.circles && python -m tools.vocabulary
	python -c 'from handlers import routes; from handlers.describing import openapi; openapi.check(routes.ROUTES)'
	npm run check --silent

fmt: .venv/check.stamp node_modules/.package-lock.json
	ruff format && ruff check --fix
	npm run fmt --silent

# Resolves the versions in setup.py and their dependencies, with the hashes of the wheels.
lock: .venv/lock.stamp
	tools/lock

.venv/bin/python:
	@tools/venv $(PYTHON)
.venv/run.stamp: setup.py requirements/run.txt .venv/bin/python
	@tools/venv $(PYTHON)
	$(INSTALL) requirements/run.txt
	$(PIP) install --no-deps --no-build-isolation --editable . && touch $@
.venv/%.stamp: requirements/%.txt .venv/run.stamp
	$(INSTALL) $< && touch $@
node_modules/.package-lock.json: package-lock.json $(NODE)
	npm ci --no-audit --no-fund
