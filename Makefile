PYTHON ?= python3
PIP = .venv/bin/python -m pip --quiet --disable-pip-version-check
# Wheels alone, each known by its hash.
INSTALL = $(PIP) install --require-hashes --only-binary :all: --requirement
# Node 20 or newer is the machine's, or else a wheel's.
NODE := $(shell node -e 'process.exit(Number(parseInt(process.versions.node) < 20))' 2>/dev/null \
	&& command -v npm >/dev/null || echo .venv/node.stamp)
# So is Go 1.25 or newer, for the benchmarks.
GO := $(shell PATH=$$PATH:/usr/local/go/bin go version 2>/dev/null \
	| grep -qE 'go(1\.(2[5-9]|[3-9][0-9])|[2-9])' || echo .venv/go.stamp)

.PHONY: setup run test measure rules check fmt screenshots chaos bench bench-full compare lock
.DELETE_ON_ERROR:
.NOTPARALLEL:
test measure rules check fmt: export PATH := $(CURDIR)/.venv/bin:$(PATH)
test measure check fmt: export NODE_USE_SYSTEM_CA := 1

setup: .venv/run.stamp

run: setup
	@exec .venv/bin/python server.py $(ARGS)

# Two tests a processor, since many wait: each worker has a PostgreSQL and a Chromium of its own.
test: .venv/test.stamp node_modules/.package-lock.json
	tools/browser
	tools/proxies
	npm test --silent
	python -m pytest -m 'not measure' --numprocesses 4 --dist loadfile

# The tests that measure time, CPU or memory: they want the machine for themselves.
measure: .venv/test.stamp node_modules/.package-lock.json
	tools/browser
	tools/proxies
	python -m pytest -m measure

# The rules of docs/api.md, each with the tests that show it.
rules: .venv/test.stamp
	@python -m tests.support.rules

# Each page and state, small and large, light and dark, into .screenshots/; the documents' into docs/ as well.
screenshots: .venv/test.stamp
	tools/browser
	.venv/bin/python -m pytest tests/screenshots.py

# 100 kills of the server and 20 of its database under load, and what came of it: some minutes.
chaos: .venv/test.stamp
	.venv/bin/python -m tests.chaos.run $(ARGS)

# This server and what people would use instead, in turn: a quick look, and the documents' tables.
bench: .venv/bench.stamp $(GO)
	tools/peers
	.venv/bin/python -m bench --rounds 2 --figures opening,sending,latency
bench-full: .venv/bench.stamp $(GO)
	tools/peers
	.venv/bin/python -m bench --rounds 5 --readme

# What this tree's server costs beside another commit's, in ten alternating rounds: make compare BASE=commit
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

# The versions that setup.py names, with all they bring along and the hashes of their wheels.
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
