# The page. Included by the Makefile at the top, and run from there.
#
#   www-bundle     www/src -> build/www, by esbuild
#   www-dist       build/www, build/tab.wasm and Go's wasm_exec.js -> www/dist
#   www-dist-fast  the same with quick compression, for work on the page
#   www-test       tests of the page's plain functions; needs Node
#   www-types      type check; needs Node's npx
#
# build/tab.wasm is made by the Makefile.

WWW_SOURCES   := $(shell find www/src -type f ! -name '*.test.ts')
WWW_TESTS     := $(shell find www/src -type f -name '*.test.ts')
WWW_WASM_EXEC := $(shell go env GOROOT)/lib/wasm/wasm_exec.js
WWW_ENTRIES   := www/src/main.ts www/src/style.css www/src/timer.worker.ts \
                 www/src/lab/lab.ts www/src/lab/lab.css www/src/lab/suite.worker.ts www/src/lab/room.ts
WWW_BUNDLES   := $(addprefix build/www/,main.js style.css timer.worker.js \
                 lab/lab.js lab/lab.css lab/suite.worker.js lab/room.js)
WWW_HTML      := www/src/index.html,www/src/lab/lab.html,www/src/lab/lab-room.html
WWW_PIECES    := $(WWW_BUNDLES) \
                 www/src/icon.svg build/tab.wasm $(WWW_WASM_EXEC)
WWW_ESBUILD   := go tool esbuild --bundle --charset=utf8 --target=es2022 --log-level=warning

.PHONY: www-bundle www-dist www-dist-fast www-test www-types

www-bundle: build/www/.bundled
www-dist: build/www/.packed
www-dist-fast: build/www/.packed-fast

build/www/.bundled: $(WWW_SOURCES) www/www.mk go.mod
	@echo "bundling the page"
	@$(WWW_ESBUILD) --minify --format=iife --outbase=www/src --outdir=build/www $(WWW_ENTRIES)
	@touch $@

# A well packed page also serves where a quickly packed one is enough, but not
# the other way round.
build/www/.packed: build/www/.bundled $(WWW_PIECES) $(wildcard www/pack/*.go)
	@go run ./www/pack -html $(WWW_HTML) $(WWW_PIECES)
	@touch $@ build/www/.packed-fast

build/www/.packed-fast: build/www/.bundled $(WWW_PIECES) $(wildcard www/pack/*.go)
	@go run ./www/pack -fast -html $(WWW_HTML) $(WWW_PIECES)
	@rm -f build/www/.packed
	@touch $@

$(WWW_BUNDLES): build/www/.bundled ;

www-test:
	@rm -rf build/www-test
	@$(WWW_ESBUILD) --platform=node --format=esm --out-extension:.js=.mjs --outdir=build/www-test $(WWW_TESTS)
	@node --test build/www-test/*.mjs

www-types:
	@npx -y -p typescript@5.9.3 tsc --project www/tsconfig.json
