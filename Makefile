GO ?= go

.PHONY: build test check bench torture corpus golden setup

build: ## the one binary
	$(GO) build -trimpath -o digest ./cmd/digest

setup: ## what the tests with real parts need, from Debian
	@scripts/setup

test: setup check ## everything, with real parts; nothing skips
	$(GO) test -count=1 -timeout 18m -tags debian ./...

check: ## format and vet
	@out=$$(gofmt -l .); if [ -n "$$out" ]; then echo "gofmt would change:"; echo "$$out"; exit 1; fi
	$(GO) vet -tags debian ./...

bench: ## ratios, side by side in one run
	$(GO) test -timeout 3h -run '^$$' -bench . -benchtime 1x ./bench
	$(GO) test -run '^$$' -bench Ledger -benchtime 5x ./outbox
	$(GO) test -run '^$$' -bench 'Fill|Sign|Flight|Reader' ./mailer ./newsletter
	$(GO) test -run '^$$' -bench Decode -benchtime 1x ./feed

torture: setup ## 20,000 kills and 50,000 power cuts, in about an hour
	DIGEST_TEST_KILLS=10000 DIGEST_TEST_CUTS=50000 $(GO) test -count=1 -timeout 6h -v -tags debian -run 'TestKilledAtRandom|TestPowerCut' ./cmd/digest

corpus: ## the reader against a folder of real feeds: make corpus FEEDS=/path/to/feeds
	FEEDS=$(FEEDS) $(GO) test -count=1 -tags corpus -run Corpus -v ./feed

golden: ## write the golden files anew, after looking at the difference
	$(GO) test ./templates -update
