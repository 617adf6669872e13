# Needs make and Python 3.11 or newer. Every target sets up what it uses; the second run finds it in place.
# Another Python: `make clean` and then `make test PYTHON=python3.12`.
PYTHON ?= python3

# The newest release of each supported line, and the day whose packages it is tested with.
LINES = 3.1 3.2 3.3
AIRFLOW_3.1 = 3.1.8 2026-03-15
AIRFLOW_3.2 = 3.2.2 2026-06-02
AIRFLOW_3.3 = 3.3.2 2026-11-20

BIN = .venv/bin
BOOT = .venv-boot/bin
UV = $(BOOT)/uv

# What takes long and shows under other conditions what other tests show is left to THOROUGH=1.
EVERYDAY = $(if $(THOROUGH),, and not thorough)
# One more process than there are processors: one has the tests in a real Airflow, which wait half of the time.
SIDE_BY_SIDE = -m 'not cluster$(EVERYDAY)' --numprocesses $(shell expr $$(nproc 2>/dev/null || echo 1) + 1) --dist loadfile
# What uses nothing that differs between releases of Airflow runs on the newest only.
SAME_ON_ALL = $(addprefix --ignore tests/,api attendance/test_odd_rows.py attendance/test_people.py attendance/test_presence.py \
	attendance/test_properties.py attendance/test_totals.py datasets deletion hooks/test_downloads.py hooks/test_fetching.py \
	hooks/test_limits.py hooks/test_pacing.py hooks/test_retrying.py mutations operators/test_creating.py output/test_paths.py \
	output/test_table.py people/test_columns.py people/test_forms.py people/test_invite_killed.py people/test_ledger_of_two.py \
	people/test_register_killed.py recordings/test_archive_killed.py rooms sandbox test_architecture.py test_commands.py test_docs_pages.py test_follow_call.py \
	test_language.py test_layers.py test_troubleshooting.py test_versioned.py test_versions.py triggers/test_cursor.py triggers/test_feeds.py triggers/test_packed_keys.py \
	triggers/test_room_activity.py triggers/test_scale.py waiting/test_conditions.py waiting/test_polling.py)

# What seldom differs between releases, and takes long, runs on all of them with `make test-matrix` only.
SELDOM_DIFFERENT = $(addprefix --ignore tests/,attendance contract examples/cookbook examples/test_planned_rooms.py hooks/test_transports.py \
	operators/test_check_drift.py operators/test_deleting.py operators/test_manners.py operators/test_tokens.py output people recordings \
	test_on_call.py test_quiet_logs.py test_storage.py transfers/test_attendance_export.py transfers/test_exports.py transfers/test_sql.py \
	triggers/test_attendees.py triggers/test_starts_soon.py webinars_page/test_account.py webinars_page/test_trouble.py)

# What a task returns has a type only when the DAG runs.
TASK_RESULTS = --allow-untyped-defs --allow-incomplete-defs --allow-untyped-calls --allow-untyped-decorators \
	--allow-any-generics --no-warn-return-any --disable-error-code index --disable-error-code arg-type

comma = ,
export NO_PROXY := 127.0.0.1,localhost$(addprefix $(comma),$(NO_PROXY))
export no_proxy := $(NO_PROXY)
export UV_PYTHON_DOWNLOADS = never
# Some machines forbid it, and then each process of Airflow and of the tests compiles the package again.
export PYTHONDONTWRITEBYTECODE :=
# A company's proxy signs with a certificate that the system knows, and uv's own list does not.
export UV_SYSTEM_CERTS ?= 1

.DEFAULT_GOAL = help
.DELETE_ON_ERROR:
.PHONY: help demo test lint test-compat test-matrix test-mysql test-cluster test-ui test-docs airflow docs package sbom release-notes constraints clean chromium fonts postgresql mariadb redis

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

demo: .venv/ready ## see the provider work against the sandbox, without an account
	$(BIN)/python scripts/demo.py

# Every step runs, also after one that failed, so that one run shows all that is wrong.
test: .venv/databases postgresql fonts ## run the tests on the newest Airflow, and see that they reach all of the core; THOROUGH=1 tests more
	@failed=; step() { echo "== $$*"; "$$@" || failed="$$failed\n  $$*"; }; \
	step $(BIN)/python -m pytest tests/api --cov=airflow_clickmeeting.api --cov-branch --cov-report= --cov-fail-under=100; \
	step $(BIN)/python -m pytest --ignore tests/api $(SIDE_BY_SIDE) $(if $(THOROUGH),--thorough); \
	test -z "$$failed" || { printf "These steps failed:$$failed\n" >&2; exit 1; }

lint: .venv/ready ## check style, types, also those of the code in the docs, and the constraints files
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy scripts
	$(BIN)/mypy $(TASK_RESULTS) example_dags docs
	$(BIN)/python -m pytest --quiet tests/lint
	@# A package's address is a matter of the machine that installs it.
	! grep -n '://' constraints/*

test-compat: $(addprefix test-on-,$(filter-out 3.3,$(LINES))) ## run the tests that depend most on Airflow on the older lines

test-on-%: .venv-%/ready postgresql fonts
	.venv-$*/bin/python -m pytest $(SAME_ON_ALL) $(SELDOM_DIFFERENT) $(SIDE_BY_SIDE)

test-matrix: THOROUGH = 1
test-matrix: $(UV) postgresql mariadb ## run the tests on all versions in the README's table; LINE=3.1.7-py3.11 takes one
	$(PYTHON) scripts/test_matrix.py $(LINE) --options="$(SIDE_BY_SIDE)" --same-on-all='$(SAME_ON_ALL)'

test-mysql: export TEST_MYSQL ?= 127.0.0.1:3306
test-mysql: .venv/databases ## run the tests of loads on a server of MySQL itself, with a root without a password; TEST_MYSQL=host:port
	$(BIN)/python -m pytest tests/output/test_table.py tests/transfers/test_sql.py -k mysql

test-cluster: .venv/cluster postgresql redis ## kill workers and triggerers of an Airflow on several machines; SHORT=1 does a tenth
	$(BIN)/python -m pytest tests/cluster $(if $(SHORT),,--thorough)

test-ui: .venv/ui .venv-3.1/ready chromium postgresql fonts ## run the examples and test the pages with a browser; THOROUGH=1 runs the cookbook too, UPDATE_SCREENSHOT=1 renews the docs
	$(BIN)/python -m pytest tests/ui $(if $(THOROUGH)$(UPDATE_SCREENSHOT),,-m 'not thorough')

airflow: .venv/ready postgresql fonts ## start Airflow with the example DAGs and the sandbox
	@$(BIN)/python scripts/run_airflow.py

docs: .venv/docs ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

test-docs: docs .venv/ui chromium ## build the documentation, read every page with a browser, and run the commands
	$(BIN)/python -m pytest tests/docs --numprocesses auto

package: .venv/package ## build the wheel and the sdist, check them, and run the README's first DAG with each Python that is there
	rm -rf dist
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*
	UV=$(UV) $(BIN)/python -m pytest tests/package

sbom: .venv/package .venv-package/ready ## list all that an installation brings along, as a CycloneDX SBOM and with licences, into build/sbom/
	mkdir -p build/sbom
	$(BIN)/cyclonedx-py environment .venv-package --output-reproducible --output-file build/sbom/airflow-clickmeeting.cdx.json
	$(BIN)/pip-licenses --python .venv-package/bin/python --with-urls --format markdown --output-file build/sbom/licences.md

release-notes: ## print the changelog of the version to release, or what keeps it from being released
	@$(PYTHON) scripts/release_notes.py

constraints: $(addprefix pins-,$(LINES)) ## renew the constraints files

clean: ## remove everything that the targets made
	rm -rf .venv .venv-* .airflow .airflow-demo build dist site .coverage .*_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +

# --- what the targets above need ---------------------------------------------------------------------------

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
		"Python 3.11 or newer is needed, not " + sys.version.split()[0] + ": try make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv-boot
	$(BOOT)/python -m pip install --quiet 'uv>=0.9'

# Bytecode is compiled now, or else every start of Airflow takes two and a half times as long.
install = $(UV) pip install --quiet --python $(@D)/bin/python --compile-bytecode --constraints

# The Python inside is a link to the system's, whose age says nothing: hence the marker files.
.venv/ready: constraints/airflow-3.3.txt pyproject.toml | $(UV)
	test -x $(@D)/bin/python || $(UV) venv --quiet --python $(BOOT)/python $(@D)
	$(install) $< --editable '.[test,parquet]' --group lint
	@touch $@

.venv-3.1/ready .venv-3.2/ready: .venv-%/ready: constraints/airflow-%.txt pyproject.toml | $(UV)
	test -x $(@D)/bin/python || $(UV) venv --quiet --python $(BOOT)/python $(@D)
	$(install) $< --editable '.[test,parquet]'
	@touch $@

.venv/ui: .venv/ready
	$(install) constraints/airflow-3.3.txt --group ui
	@touch $@

.venv/cluster: .venv/ready
	$(install) constraints/airflow-3.3.txt --group cluster
	@touch $@

.venv/databases: .venv/ready | mariadb
	$(install) constraints/airflow-3.3.txt --editable '.[duckdb]' --group databases
	@touch $@

.venv/package: .venv/ready
	$(install) constraints/airflow-3.3.txt --group package
	@touch $@

# What a user gets: the package and its dependencies, nothing else.
.venv-package/ready: constraints/airflow-3.3.txt pyproject.toml airflow_clickmeeting/__init__.py | $(UV)
	test -x $(@D)/bin/python || $(UV) venv --quiet --python $(BOOT)/python $(@D)
	$(install) $< .
	@touch $@

.venv/docs: .venv/ready
	$(install) constraints/airflow-3.3.txt --editable '.[docs]'
	@touch $@

chromium:
	@command -v chromium >/dev/null || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium; } \
		|| { echo 'make test-ui needs the browser Chromium: install it as `chromium`' >&2; exit 1; }

fonts:
	@test -f /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends fonts-dejavu-core; } \
		|| { echo 'the certificates of the cookbook need the font DejaVu Sans: install the package fonts-dejavu-core' >&2; exit 1; }

postgresql:
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null \
		|| { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends postgresql; } \
		|| { echo 'make test and make airflow need the database PostgreSQL: install its server, with `initdb` on the PATH' >&2; exit 1; }

# pip compiles the driver of MySQL with the compiler and the headers.
mariadb:
	@test -x /usr/sbin/mariadbd && pkg-config --exists libmariadb 2>/dev/null && command -v gcc >/dev/null \
		|| { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends mariadb-server libmariadb-dev pkg-config gcc; } \
		|| { echo 'the tests need the database MariaDB: install its server, its headers, pkg-config and a C compiler' >&2; exit 1; }

redis:
	@command -v redis-server >/dev/null || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends redis-server; } \
		|| { echo 'make test-cluster needs the server Redis: install it as `redis-server`' >&2; exit 1; }

pins-%: | $(UV)
	echo 'apache-airflow==$(word 1,$(AIRFLOW_$*))' | $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 \
		--exclude-newer $(word 2,$(AIRFLOW_$*)) --no-header --no-annotate \
		--all-extras $(addprefix --group ,lint ui databases cluster $(and $(filter 3.3,$*),package)) pyproject.toml - --output-file constraints/airflow-$*.txt
