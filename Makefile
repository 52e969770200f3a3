# Everything that is done here is done by one of these words; `make` lists them.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory

# The race detector makes tests several times slower: it watches the packages
# where several goroutines write.
RACE := ./internal/journal/... ./internal/apply/... ./internal/observe/... ./internal/attestation/... ./internal/call/...
SOURCES = $(shell git ls-files --cached --others --exclude-standard -- '*.go')

help: ## list these words
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .cache/venv/.stamp .cache/npm/.stamp .cache/contracts/.stamp .cache/bin/.stamp ## fetch what tests need: AWS emulator, second chain, contracts, linter
	@tools/setup.sh go

build: ## bin/reconcile and bin/sandbox
	@tools/setup.sh go
	go build -o bin/ ./cmd/reconcile ./cmd/sandbox

test: setup lint ## everything a change must pass
	go test -timeout 20m ./...
	go test -race $(RACE)

lint: .cache/bin/.stamp ## formatting, go vet, staticcheck, actionlint
	@unformatted=$$(gofmt -l $(SOURCES)); test -z "$$unformatted" || { echo "not formatted (gofmt -w): $$unformatted" >&2; exit 1; }
	go vet ./...
	.cache/bin/staticcheck ./...
	.cache/bin/actionlint

demo: setup build ## the tour on staging, against emulators; asks nothing, needs no account
	tools/demo.sh

golden: setup ## write the golden files anew; look at the difference before you commit it
	UPDATE=1 go test ./internal/... ./cmd/...

bench: setup ## speed and memory, as ratios (minutes)
	go test -run '^$$' -bench . -benchmem -timeout 30m ./...

soak: setup build ## long runs: 150 networks, start and kill over and over, random worlds
	go test -tags soak -run Soak -timeout 30m -v ./cmd/sandbox/...
	go test -tags soak -run Soak -timeout 60m ./internal/kinds/worlds/ ./cmd/reconcile/
	@tools/setup.sh qemu
	go test -run TestDigestsAreTheSameOnEveryMachine -v ./internal/plan/

cover: setup ## which lines the tests reach
	go test -coverpkg=./internal/...,./cmd/... -coverprofile=.cache/cover.out ./...
	go tool cover -func=.cache/cover.out | tail -1

clean: ## forget what was built and fetched
	rm -rf bin .cache .sandbox

.cache/venv/.stamp: tools/moto/requirements.txt tools/setup.sh
	@tools/setup.sh venv

.cache/npm/.stamp: tools/npm/package.json tools/npm/package-lock.json tools/npm/.npmrc tools/setup.sh
	@tools/setup.sh npm

.cache/contracts/.stamp: tools/npm/contracts.txt tools/setup.sh
	@tools/setup.sh contracts

.cache/bin/.stamp: tools/go.mod tools/go.sum tools/setup.sh
	@tools/setup.sh tools

.PHONY: help setup build test lint demo golden bench soak cover clean
