# The front door. Each target sets up what it needs by itself; see HACKING.md.
#
#   make demo            build, run hub and agent on this machine, show an alert (ONCE=1: then stop)
#   make test            build, run every test
#   make build           release programs in build/release/bin
#   make test-full       also sanitizers, long fuzzing, lint        make bench, make fuzz, make lint

.DEFAULT_GOAL := build
.PHONY: build portal demo test test-full bench fuzz lint format clean

build:
	@scripts/build release programs

portal:
	@scripts/build-portal

demo:
	@scripts/demo

test:
	@scripts/test

test-full:
	@scripts/test-full

bench:
	@scripts/bench

fuzz:
	@scripts/fuzz

lint:
	@scripts/lint

format:
	@scripts/format

clean:
	rm -rf build
