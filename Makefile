# The front door. Each target sets up what it needs by itself; see HACKING.md.
#
#   make demo            build, run hub and agent on this machine, show an alert; play a plant's capture
#                        to a sensor, show its devices (ONCE=1: then stop)
#   make test            build, run every test
#   make build           release programs in build/release/bin
#   make test-full       also sanitizers, long fuzzing, lint        make bench, make fuzz, make lint
#   make bench-hub       what the hub costs, in ten minutes
#   make bench-sensor    what the network sensor costs, in six minutes
#   make bench-workspace what the workspace costs with 50 million events, in a quarter of an hour

.DEFAULT_GOAL := build
.PHONY: build portal demo test test-full bench bench-hub bench-sensor bench-workspace fuzz lint format clean

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

bench-hub:
	@scripts/bench-hub

bench-sensor:
	@scripts/bench-sensor

bench-workspace:
	@scripts/bench-workspace

fuzz:
	@scripts/fuzz

lint:
	@scripts/lint

format:
	@scripts/format

clean:
	rm -rf build
