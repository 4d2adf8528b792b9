# The commands of the Order Service's development. They need Python ≥ 3.11, make and a C library.

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help install install-ha run run-ha demo test test-browser test-deploy test-faults test-ha test-planted test-mutation check migrations openapi load load-ui bench lists coupon-rush analytics-bench memory caching scaling clean
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
# Created last; the name identifies the lock and the checkout's path, for a virtual environment cannot be moved.
INSTALLED := .venv/installed-$(shell { pwd; cat requirements-dev.txt; } | cksum | cut -d ' ' -f 1)
ONE_AT_A_TIME := $(if $(shell command -v flock),flock requirements-dev.txt)
# Python that exits with make, even if make is killed (compose/launch.py; 15 is SIGTERM).
PYTHON_OF_MAKE = exec $(BIN)/python -I -S compose/launch.py $$PPID 15 as_is $(BIN)/python
# Placeholders: these commands read the settings and connect to nothing.
WITH_SETTINGS = set -a && . compose/check.env && set +a &&
WITH_SECRETS = for name in DJANGO_SECRET_KEY JWT_SECRET PAYMENT_SIGNING_SECRET SERVICE_TOKEN; do \
	export "$$name=$$($(BIN)/python -c 'import secrets; print(secrets.token_urlsafe(48))')"; done &&
SPECTACULAR = $(WITH_SETTINGS) $(BIN)/python manage.py spectacular
# The load test: its profile (tests/load/profiles.toml), and the running stack, a temporary one or HOST.
PROFILE ?= smoke
LOCUST = $(BIN)/python -m locust -f tests/load/locustfile.py
AT_HOST = $(if $(HOST),LOCUST_HOST=$(HOST),$(PYTHON_OF_MAKE) -m compose.local during)
# The size of the analytics' bench: orders, and requests of each report by each caller.
ORDERS ?= 5000000
REQUESTS ?= 40
# The size of the fault tests: successive kills.
KILLS ?= 300

help: ## List the targets
	@awk -F ': .*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(INSTALLED) ## Create .venv with all dependencies, locked by hash

# Always from scratch, so that nothing of an older lock or of an interrupted installation remains.
$(INSTALLED):
	@python=; for each in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
		if "$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python=$$each; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "Python 3.11 or newer is needed; python3 here: $$(python3 --version 2>&1). Name one: make install PYTHON=…" >&2; exit 1; \
	elif ! "$$python" -c 'import ensurepip' 2>/dev/null; then \
		echo "$$python cannot create virtual environments. On Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; \
	fi; \
	$(ONE_AT_A_TIME) sh -ec '[ ! -e $@ ] || exit 0; echo "Creating .venv with $$("$$0" --version)"; "$$0" -m venv --clear .venv; \
		$(BIN)/pip --disable-pip-version-check --no-input install --require-hashes -r requirements-dev.txt; touch $@' "$$python"

run: install ## Start the whole stack on this machine: http://127.0.0.1:8000, state in .data/ (PORT=8001: another port; HISTORY=1: a year of orders)
	@$(PYTHON_OF_MAKE) -m compose.local run $(if $(HISTORY),--history)

install-ha: install ## Install etcd, HAProxy, Patroni and Barman: packages of Debian as root, the others into .venv-ha
	@compose/ha/install

run-ha: install-ha ## Start the stack on three machines, all of them here, to be damaged by hand; its state is not kept (PORT=8001)
	@$(PYTHON_OF_MAKE) -m compose.ha

demo: install ## Show orders delivered, cancelled and refunded, with coupons, and expired, on the running stack or a temporary one
	@$(PYTHON_OF_MAKE) -m compose.demo

# In three processes, each with a stack of its own, for most tests wait; the tests marked `serial` after them, alone. Status 5: a part has no selected test.
test: install ## Run the tests on real servers (ARGS='-k checkout': a selection)
	@$(BIN)/pytest --numprocesses 3 --dist loadfile -m "not long and not serial" $(ARGS); parallel=$$?; \
	$(BIN)/pytest -m "not long and serial" $(ARGS); serial=$$?; \
	case $$parallel,$$serial in 0,0 | 0,5 | 5,0) ;; *) exit 1 ;; esac

test-browser: install ## Run the tests of the dashboard and of the documentation page in Chromium (ARGS='-k coupon')
	$(BIN)/pytest tests/browser $(ARGS)

test-faults: install ## Kill and stall processes, cut connections, repeatedly (KILLS=300; SEED=…: repeat a run)
	FAULT_SEED=$(SEED) FAULT_KILLS=$(KILLS) $(BIN)/pytest -m "" tests/faults $(ARGS)

test-ha: install-ha ## Lose each of three machines, PostgreSQL, etcd and Redis under load, and restore a backup, for a quarter of an hour (SEED=…)
	FAULT_SEED=$(SEED) $(BIN)/pytest -m "" tests/ha $(ARGS)

test-deploy: install ## Run all tests of the deployment: nginx, a rolling restart behind it, the composition, the image (as root)
	FAULT_SEED=$(SEED) FAULT_KILLS=20 $(BIN)/pytest -m "" tests/deploy tests/faults/test_restart_behind_nginx.py $(ARGS)

test-planted: install ## Plant known bugs at run time, one at a time: a test must fail for each (ARGS='--list', '--only P3')
	$(BIN)/python -m tests.planted $(ARGS)

test-mutation: install ## Mutate the rules of orders and coupons: report how many mutants the unit tests kill, and the survivors
	rm -rf mutants
	$(BIN)/mutmut run
	$(BIN)/mutmut results

check: install ## Check lint, types, import layers, security, settings, CloudFormation; migrations, API schema and generated code are up to date
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(WITH_SETTINGS) $(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/biome check
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml asgi_app orders clients messaging compose
	$(BIN)/cfn-lint compose/aws/*.yaml
	$(WITH_SETTINGS) $(WITH_SECRETS) $(BIN)/python manage.py check --deploy --fail-level WARNING
	$(WITH_SETTINGS) $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run
	@echo "the SQL of the migrations"
	@sql=$$(mktemp -d) && trap 'rm -rf "$$sql"' EXIT && $(WITH_SETTINGS) \
		$(BIN)/python -W ignore::RuntimeWarning -m compose.migration_sql "$$sql" && $(BIN)/squawk "$$sql"/*.sql
	@echo "openapi.yaml"
	@fresh=$$(mktemp) && trap 'rm -f "$$fresh"' EXIT && $(SPECTACULAR) --validate --fail-on-warn --file "$$fresh" \
		&& { diff openapi.yaml "$$fresh" || { echo "openapi.yaml is out of date: run make openapi" >&2; exit 1; }; }
	@echo "the code generated from protos/"
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT \
		&& $(BIN)/python -m grpc_tools.protoc -I. --python_out="$$fresh" --pyi_out="$$fresh" --grpc_python_out="$$fresh" \
			protos/product/v1/product.proto \
		&& for file in "$$fresh"/protos/product/v1/*; do diff "$$file" protos/product/v1/ || exit 1; done

migrations: install ## Write the migration of changed models (ARGS='--name shipping')
	$(WITH_SETTINGS) $(BIN)/python -W ignore::RuntimeWarning manage.py makemigrations $(ARGS)

openapi: install ## Write openapi.yaml, the API's schema
	$(SPECTACULAR) --file openapi.yaml

load: install ## Load test: PROFILE=smoke|baseline|spike|soak|stress, USERS= RATE= FOR=; HOST= for another service; reports/ has the results
	@mkdir -p reports
	@PROFILE=$(PROFILE) $(AT_HOST) $(LOCUST) --headless --exit-code-on-error 0 --html reports/load-$(PROFILE).html $(ARGS)

load-ui: install ## Locust's own page, to start and watch a load test: http://127.0.0.1:8089
	@LOAD_UI=1 $(AT_HOST) $(LOCUST) --web-host 127.0.0.1 --web-port 8089 $(ARGS)

bench: install ## Measure what an order costs, each step beside its floor and limit, and the rate limits; reports/ has a chart (ARGS='--orders 100 --rounds 3')
	@$(PYTHON_OF_MAKE) -m tests.load.bench $(ARGS)

lists: install ## Measure the pages of lists with 20 thousand and 2 million orders (ARGS='--plans', '--writes')
	$(BIN)/python -m tests.load.lists $(ARGS)

coupon-rush: install ## Measure how many uses of one coupon two servers take in a minute (ARGS='--orders 3000 --rounds 3')
	@$(PYTHON_OF_MAKE) -m tests.load.coupon_rush $(ARGS)

memory: install ## Measure a server's memory after 200 000 requests, and with 5000 idle streams (ARGS='--requests 20000 --streams 500')
	@$(PYTHON_OF_MAKE) -m tests.load.memory $(ARGS)

caching: install ## Measure bytes and CPU of each response that clients keep, for 200 and for 304 (ARGS='--requests 2000 --rounds 3')
	@$(PYTHON_OF_MAKE) -m tests.load.caching $(ARGS)

scaling: install ## Measure 1 to 3 server processes, a whole order, and large tables (docs/scaling.md; ARGS='--orders 5000000', '--only orders')
	@$(PYTHON_OF_MAKE) -m tests.load.scaling $(ARGS)

analytics-bench: install ## Measure the analytics with a year of orders on a stack of their own (ORDERS=5000000 REQUESTS=40)
	@$(PYTHON_OF_MAKE) -m tests.load.analytics --orders $(ORDERS) --requests $(REQUESTS) $(ARGS)

clean: install ## Delete the local stack's state and all caches
	@$(BIN)/python -m compose.local forget
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis mutants
