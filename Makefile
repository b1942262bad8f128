# A thin face of dev.py, which does the work and also runs where there is no make.
PYTHON ?= python3

.PHONY: demo test test-slicer lint parity bench-passport bench-alignment bench-cohort bench-batch screenshots setup

demo test test-slicer lint parity bench-passport bench-alignment bench-cohort bench-batch screenshots setup:
	@$(PYTHON) dev.py $@
