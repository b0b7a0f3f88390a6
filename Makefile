# tabraft: Raft in browser tabs. `make help` lists what can be made.
#
# Go and make are all that `make run` needs. Tests of the page's plain functions
# and of the pure packages under GOOS=js also use Node where it is present;
# tests in a browser need Chromium and Xvfb, some also Firefox; `make e2e` installs
# them on Debian when it runs as root.

ADDR ?= :8080
# What the tests in a browser run: a pattern for go test's -run.
RUN  ?= .
# More tests in browsers among faults, for which make test has no time: make
# e2e-faults. Most of what they do, make test's short soak does, too.
FAULTS := TestChurn|TestCrashes|TestSuspended|TestStoppedLeaders|TestFarNetworkFlaps|TestFarNetworkSlow|TestFarAddress|TestFirefox|TestPlainHTTPTen|TestLinksFlap|TestTenTabsAfter|TestMixedClusterUnder|TestHiddenInFlight|TestRestoredSession|TestPlainHTTPStopped|TestBackToATaken|TestStorageIsBusy|TestCopiedProfile|TestManyDuplicates|TestCrashAndReopen
# How long make soak lasts, and the seed of its choices, else one of the time.
MINUTES ?= 10
SEED    ?=
# How many worlds make sim runs, how many events each has, and its first seed.
SEEDS ?= 2000
STEPS ?= 20000
FIRST ?= 1

# Packages that run under GOOS=js without a browser, and all that compile for it.
PURE_PACKAGES := ./raft ./raft/kv ./raft/node ./raft/sim ./raft/wire \
                 ./raft/lab/labgob ./raft/lab/labrpc ./raft/lab/tester
JS_PACKAGES   := ./raft/... ./signaling ./signaling/client ./wasm/... ./www

# The benchmark of the core is several modules, so that the product depends on
# none of its rivals.
BENCH_MODULES := $(addprefix raft/bench/,. load etcd36 etcd37 hashicorp)

WASM_SOURCES := $(shell find raft/*.go raft/kv raft/node raft/wire signaling wasm -name '*.go' ! -name '*_test.go') go.mod go.sum
JS           := GOOS=js GOARCH=wasm
STATICCHECK  := $(CURDIR)/build/staticcheck
CC_PATH      := $(shell command -v "$$(go env CC)" 2>/dev/null)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run lab build wasm test test-go test-js e2e e2e-faults e2e-long soak bench bench-network bench-core sim lab-broken model mutate screenshot lint clean browser-tools firefox

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

include www/www.mk

run: www-dist-fast ## build everything and serve it; ADDR=:8081 for another port
	$(build-program)
	@exec build/tabraft serve -addr $(ADDR)

lab: www-dist-fast ## serve the lab's page with your Raft; RAFT=./myraft, else the textbook's
	$(build-program)
	@exec build/tabraft lab serve -addr $(ADDR) $(RAFT)

build: www-dist ## build everything into build/tabraft, compressed well
	$(build-program)

wasm: build/tab.wasm ## compile what runs in a tab, build/tab.wasm

build/tab.wasm: $(WASM_SOURCES)
	@echo "compiling what runs in a tab (about a minute the first time)"
	@mkdir -p build
	@$(JS) go build -trimpath -ldflags="-s -w" -o $@ ./wasm

# The program embeds the page, so the page comes first. Go knows better than
# make whether it is up to date.
define build-program
@echo "building the server"
@go build -trimpath -o build/tabraft ./signaling/cmd/tabraft
endef

test: test-go test-js e2e ## run every test: native, GOOS=js, and in a browser

test-go: ## run the native tests, with the race detector where there is a C compiler
	@$(if $(CC_PATH),,echo "no C compiler: without the race detector")
	go test $(if $(CC_PATH),-race) ./...

test-js: ## run the pure packages again under GOOS=js, and the page's functions, in Node
	@if command -v node >/dev/null; then \
		echo "$(JS) go test $(PURE_PACKAGES)"; \
		$(JS) go test -exec="$$(go env GOROOT)/lib/wasm/go_js_wasm_exec" $(PURE_PACKAGES) && \
		$(MAKE) --no-print-directory www-test; \
	else \
		echo "no node: the pure packages are not tested under GOOS=js"; \
	fi

e2e: browser-tools www-dist-fast ## run the tests in a real Chromium, and in Firefox if it is there; RUN=Name picks some
	$(build-program)
	cd www/e2e && go test -count=1 -v -timeout 20m -parallel 2 -run '$(RUN)' $(if $(filter .,$(RUN)),-skip '$(FAULTS)') ./...

e2e-faults: browser-tools firefox www-dist-fast ## run more tests of faults, networks and Firefox, about 12 minutes; RUN=Name picks some
	$(build-program)
	cd www/e2e && go test -count=1 -v -timeout 60m -parallel 2 -run '$(if $(filter .,$(RUN)),$(FAULTS),$(RUN))' ./...

soak: browser-tools www-dist-fast ## real browsers under random faults for MINUTES=10, checked; SEED=n repeats the choices
	$(build-program)
	cd www/e2e && MINUTES=$(MINUTES) SEED=$(SEED) TABRAFT_LONG=1 go test -count=1 -v -timeout 24h -run '$(if $(filter .,$(RUN)),^TestSoak$$,$(RUN))' ./...

# TABRAFT_LONG=5 shortens what runs for an hour to 5 minutes.
e2e-long: browser-tools firefox www-dist-fast ## the long forms of tests: ten minutes hidden, a million commands; RUN=TestLong picks some
	$(build-program)
	cd www/e2e && TABRAFT_LONG="$${TABRAFT_LONG:-all}" go test -count=1 -v -timeout 4h -run '$(RUN)' ./...

bench: browser-tools build ## measure three tabs in a real Chromium and print the table
	@cd www/e2e && TABRAFT_BENCH=1 go test -count=1 -v -timeout 20m -run '^TestBench$$' ./...

bench-network: browser-tools build ## measure how soon links and signaling are back; needs root on Linux
	@cd www/e2e && TABRAFT_BENCH=1 go test -count=1 -v -timeout 20m -run '^TestBenchNetwork$$' ./...

bench-core: ## measure the core beside etcd's raft and hashicorp's; BENCH=-short for a rough run
	@cd raft/bench && go run . $(BENCH)

sim: ## try to break the core in seeded worlds, on all cores; SEEDS=2000 STEPS=20000 FIRST=1
	@mkdir -p build
	@go run ./signaling/cmd/tabraft sim -seeds $(SEEDS) -steps $(STEPS) -first $(FIRST) -o build

model: ## explore every state of small clusters within wide bounds, minutes and 3 GB; RUN=name picks some
	@go test -count=1 -v -timeout 3h -run '^TestModelWide$$' ./raft -args -model.wide -model.only '$(filter-out .,$(RUN))'

mutate: ## take the core's guards out one by one and see the tests notice; RUN=pattern picks some
	@go run ./raft/mutation -run '$(RUN)'

lab-broken: ## run every Raft with a bug with 50 seeds and compare with raft/lab/broken/table.md; UPDATE=-update writes it
	go test ./raft/lab/broken -run '^TestAll$$' -count=1 -timeout 90m -v -all $(UPDATE)

screenshot: browser-tools build ## make the README's picture, www/screenshot.png
	cd www/e2e && TABRAFT_SHOT=$(CURDIR)/www/screenshot.png go test -count=1 -v -timeout 5m -run '^TestScreenshot$$' ./...

# What the shell's variable missing names is installed, or asked for.
define install-missing
[ -n "$$missing" ] || exit 0; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "installing$$missing"; \
		apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing; \
	else \
		echo "the tests in a browser need these Debian packages:$$missing"; \
		echo "install them, for example: sudo apt-get install$$missing"; \
		echo "(TABRAFT_CHROMIUM=/path/to/chrome names another Chrome or Chromium, TABRAFT_FIREFOX=/path/to/firefox another Firefox)"; \
		exit 1; \
	fi
endef

want-firefox = [ -n "$$TABRAFT_FIREFOX" ] || command -v firefox-esr firefox >/dev/null || missing="$$missing firefox-esr"

# iproute2 makes the private network in which the tests run as root.
browser-tools:
	@missing=; \
	[ -n "$$TABRAFT_CHROMIUM" ] || command -v chromium chromium-browser google-chrome >/dev/null || missing="$$missing chromium fonts-dejavu-core"; \
	if [ "$$(uname)" = Linux ]; then \
		command -v Xvfb >/dev/null || missing="$$missing xvfb"; \
		if [ "$$(id -u)" = 0 ]; then \
			command -v ip >/dev/null || missing="$$missing iproute2"; \
			$(want-firefox); \
		fi; \
	fi; \
	$(install-missing)

firefox:
	@missing=; \
	$(want-firefox); \
	$(install-missing)

lint: $(STATICCHECK) ## gofmt, go vet and staticcheck, native and for GOOS=js
	@files=$$(gofmt -l raft signaling wasm www); \
	[ -z "$$files" ] || { echo "gofmt would change:"; echo "$$files"; exit 1; }
	go vet ./...
	$(JS) go vet $(JS_PACKAGES)
	$(STATICCHECK) ./...
	$(JS) $(STATICCHECK) $(JS_PACKAGES)
	cd www/e2e && go vet ./... && $(STATICCHECK) ./...
	@for dir in $(BENCH_MODULES); do \
		echo "cd $$dir && go vet ./... && $(STATICCHECK) ./..."; \
		(cd $$dir && go vet ./... && $(STATICCHECK) ./...) || exit 1; \
	done

# Built for this machine: `go tool` under GOOS=js would build it for js.
$(STATICCHECK): go.mod
	@mkdir -p build
	go build -o $@ honnef.co/go/tools/cmd/staticcheck

clean: ## remove what was built
	rm -rf build www/e2e/traces
	find www/dist -mindepth 1 ! -name .gitkeep -delete
