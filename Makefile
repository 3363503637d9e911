PROFILE ?= quick
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PIP_INSTALL = .venv/bin/python -m pip install --quiet --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help paper test bench export notebooks lab clean

help:
	@echo "make paper [PROFILE=smoke|quick|full]  run every notebook; writes figures/ and figures/tables/"
	@echo "make test                              notebooks, package and tests agree; run the tests"
	@echo "make bench                             measure the speeds against peers; writes figures/tables/bench_*"
	@echo "make export                            write difcon/ and tests/ from nbs/"
	@echo "make notebooks                         put the executed notebooks of a quick run into nbs/"
	@echo "make lab                               open the notebooks in JupyterLab"

# torch first and alone: the other packages then keep the build that was chosen
.venv/ready: settings.ini setup.py constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info[:2] != (3, 11))" || { echo "difcon needs Python 3.11; set PYTHON=/path/to/python3.11"; exit 1; }
	@echo "setting up .venv (some minutes the first time)"
	@$(PYTHON) -m venv .venv
	@$(PIP_INSTALL) --upgrade pip setuptools wheel
	@$(PIP_INSTALL) torch
	@$(PIP_INSTALL) --editable ".[paper,dev]"
	@touch .venv/ready

paper: .venv/ready
	.venv/bin/difcon reproduce --profile $(PROFILE)

test: .venv/ready
	.venv/bin/python -m difcon.development check
	.venv/bin/python -m pytest

# peers that need another version of Python or of a library than here are left out of the tables, which say so
bench: .venv/ready
	$(PIP_INSTALL) --editable ".[bench]"
	.venv/bin/difcon reproduce --profile bench

export: .venv/ready
	.venv/bin/python -m difcon.development export

notebooks: paper
	.venv/bin/python -m difcon.development refresh

lab: .venv/ready
	.venv/bin/jupyter lab --notebook-dir=nbs

clean:
	rm -rf .venv runs
