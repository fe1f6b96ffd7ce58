# What can be made here; `make help` lists it.
#
# demo and test need Go 1.21 or newer, make, a POSIX shell and the Go module
# proxy (or a filled module cache), from which an older Go than go.mod's fetches
# that one and goes on with it. Everything else says what it needs.

GO      = go
# Whatever the environment or `go env` say, which may be local; give another on
# make's command line. Scripts and tests that call go have it from here. It is in the
# form that bmake reads as well, which exports no other than this one: so the
# commands below have it again.
export GOTOOLCHAIN=auto
TAGS    = utls,pq
TESTFLAGS =
FUZZTIME = 60s
FUZZ    = ./...
GOBUILD = CGO_ENABLED=0 GOTOOLCHAIN=$(GOTOOLCHAIN) $(GO) build -buildvcs=false -trimpath -ldflags='-s -w' -tags '$(TAGS)'
# A tool that reads our packages is to be built with the Go that they are.
WITH_GO = GOTOOLCHAIN=$$($(GO) env GOVERSION)
GOTEST  = CGO_ENABLED=0 GOTOOLCHAIN=$(GOTOOLCHAIN) $(GO) test -buildvcs=false -tags '$(TAGS)'

.POSIX:
.PHONY: loss browsers browsers-ech dropins matrix help toolchain build demo demo-mtc demo-pq pki test test-race test-peers soak vet fuzz bogo tlsfuzzer pq-table bench bench-quick bench-report bench-engines bench-build clean rename rooms suffixes crowd reload endings engines docs contract test-ktls faults install install-files uninstall deb source dist unixes vuln

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1 - \2/p' Makefile

toolchain: # see that there is the Go that go.mod asks for, which Go may have to fetch
	@GOTOOLCHAIN=$(GOTOOLCHAIN) $(GO) list -mod=readonly -m >/dev/null || { \
	    echo "tlsify is built with Go $$(sed -n 's/^toolchain go//p' go.mod) or newer, which cannot be had here: install it, let it be fetched (GOPROXY), or, with $$(sed -n 's/^go //p' go.mod) or newer installed, make GOTOOLCHAIN=local"; false; } >&2

build: toolchain ## build bin/tlsify with every engine there is
	@mkdir -p bin
	@$(GOBUILD) -o bin/tlsify ./cmd/tlsify

demo: build ## see it work: a shell script fetches a page over TLS, with no TLS of its own
	@sh examples/demo.sh bin/tlsify '$(GO)'

demo-mtc: build ## the same with Merkle Tree Certificates: a page with one that is relative to a landmark, and what is refused
	@sh examples/demo-mtc.sh bin/tlsify '$(GO)'

demo-pq: build ## the same with nothing but post-quantum cryptography, both sides authenticated by ML-DSA
	@sh examples/demo-pq.sh bin/tlsify '$(GO)'

test: toolchain ## run every test that needs Go alone; those that need a peer say so and skip
	@$(GOTEST) -timeout 30m $(TESTFLAGS) ./...

test-race: toolchain ## the same under the race detector; needs gcc
	@CGO_ENABLED=1 $(GO) test -buildvcs=false -tags '$(TAGS)' -race -timeout 60m ./...

test-peers: toolchain ## the same, failing on a skip that is not expected; needs the programs in .ci/peers
	@$(MAKE) -s test TESTFLAGS='-count=1 -json' | $(GO) run .ci/report.go .ci/skips

test-ktls: toolchain ## run the tests of kernel TLS on Debian's kernels, in QEMU; needs apt, qemu-system-x86 and busybox
	@GO='$(GO)' TAGS='$(TAGS)' .ci/ktls

PKIFLAGS =
pki: toolchain ## make throw-away certificates in PKI=DIR, good and bad, and say what each is for; PKIFLAGS=-demo or -pq for others
	@test -n '$(PKI)' || { echo 'make pki PKI=DIR'; false; }
	@CGO_ENABLED=0 $(GO) run -buildvcs=false ./engine/internal/mkpki $(PKIFLAGS) '$(PKI)'

SOAK = 15m
soak: toolchain ## 200 connections at a time in every mode, with faults, for SOAK (15m); then 10,000 one after the other
	@TLSIFY_SOAK=$(SOAK) TLSIFY_SOAK_SEQUENTIAL=10000 TLSIFY_SOAK_PARALLEL=200 $(GOTEST) -count=1 -timeout 0 -run 'TestSoak|TestListenerKeepsNothing' -v ./cmd/tlsify

faults: toolchain ## connections that break at every single byte, each engine and role; takes some 20 minutes
	@TLSIFY_FAULTS=all $(GOTEST) -count=1 -timeout 0 -run 'Conformance/suite/.*/.*/break' ./engines/...
	@TLSIFY_FAULTS=all $(GOTEST) -count=1 -timeout 0 -run 'TestBreaks|TestBareFIN' ./cmd/tlsify

RELOAD = 1m
reload: ## listen under load while its certificate changes every second, for RELOAD (1m)
	@TLSIFY_RELOAD=$(RELOAD) $(GOTEST) -count=1 -timeout 30m -run TestReloadUnderLoad -v ./cmd/tlsify

TOOLS = bin/endings
TRIES = 5
endings: build ## what real servers make of a request, into doc/endings.md; needs the programs that it names, npm and PyPI
	@test -x $(TOOLS)/venv/bin/uvicorn || { python3 -m venv $(TOOLS)/venv && $(TOOLS)/venv/bin/pip install --quiet -r cmd/tlsify-endings/testdata/requirements.txt; }
	@for version in 20 24; do test -d $(TOOLS)/node$$version || npm install --silent --no-audit --no-fund --prefix $(TOOLS)/node$$version node@$$version || exit 1; done
	@$(GO) run ./cmd/tlsify-endings -tools $(TOOLS) -tries $(TRIES) -into doc/endings.md bin/tlsify

CROWD = 2000
crowd: toolchain ## listen under CROWD idle connections and as many unfinished handshakes, beside stunnel; needs 6 GB of memory
	@TLSIFY_CROWD=$(CROWD) TLSIFY_FLOOD=5000 TLSIFY_ROUNDS=3 $(GOTEST) -count=1 -timeout 60m -run "TestCrowd|TestFlood" -v ./cmd/tlsify

dropins: ## tlsify beside Courier, s6-networking, qmail-remote, BusyBox and others as they are; fetches or builds them (.ci/dropins)
	@.ci/dropins
	@TLSIFY_DROPINS="$$PWD/bin/dropins" $(GOTEST) -count=1 -v -timeout 30m -run 'TestScript/(program|signer)_' ./cmd/tlsify

matrix: ## every TLS library that packages have, in both roles with every engine, into doc/matrix.md; builds for half an hour at first
	@.ci/matrix bin/matrix
	@TLSIFY_MATRIX=$$PWD/bin/matrix TLSIFY_MATRIX_INTO=$$PWD/doc/matrix.md $(GOTEST) -count=1 -timeout 60m -run 'TestMatrix(Keys)?$$' ./cmd/tlsify

BROWSERS =
browsers: toolchain ## capture the ClientHellos of this machine's chromium and firefox-esr (with certutil), or those in BROWSERS=DIR, for --fingerprint
	@browsers='$(BROWSERS)'; PATH="$${browsers:+$$browsers:}$$PATH" TLSIFY_WRITE_BROWSERS="$$PWD/engines/utls/browsers" $(GOTEST) -count=1 -v -run 'TestWriteBrowsers$$' ./cmd/tlsify/internal/fingerprint | sed -n '/json: /p; /^FAIL/p'
	@TLSIFY_WRITE_ENGINES=1 $(GOTEST) -count=1 -run 'Documented$$' ./engines/utls

browsers-ech: toolchain ## Encrypted Client Hello with this machine's chromium and firefox-esr (with certutil, python3), from the DNS on
	@browsers='$(BROWSERS)'; PATH="$${browsers:+$$browsers:}$$PATH" TLSIFY_BROWSERS_ECH=1 $(GOTEST) -count=1 -v -run 'TestBrowsersECH$$' ./cmd/tlsify

vet: toolchain ## gofmt, go vet and staticcheck (which is fetched from the module proxy)
	@unformatted=$$("$$($(GO) env GOROOT)/bin/gofmt" -l .) && test -z "$$unformatted" || { echo "$$unformatted"; false; }
	@$(GO) vet ./...
	@$(WITH_GO) $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

VULNDB =
vuln: toolchain ## govulncheck, with the data of the Go project or, where it can't be had, of VULNDB, file:///DIR
	@vulndb='$(VULNDB)'; $(WITH_GO) $(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 $${vulndb:+-db "$$vulndb"} -tags '$(TAGS)' ./...

fuzz: toolchain ## go round every fuzzer, FUZZTIME (60s) each; doc/fuzz.txt has the minutes of each
	@mkdir -p doc
	@CGO_ENABLED=0 $(GO) run .ci/fuzz.go -tags '$(TAGS)' -time '$(FUZZTIME)' doc/fuzz.txt $(FUZZ)

engines: toolchain ## write ENGINES.md's tables from the engines' conformance runs
	@TLSIFY_WRITE_ENGINES=1 $(GOTEST) -count=1 -p 1 -run 'Conformance|Documented' ./engine/enginetest/... ./engines/...

docs: toolchain ## write what in doc/ comes from the program's tables: the manual page and the completions
	@$(GOTEST) -count=1 -run 'TestManual$$|TestCompletions$$' ./cmd/tlsify -update

contract: build ## run the contract kit on bin/tlsify with every engine, its time limits included
	@CGO_ENABLED=0 $(GO) build -buildvcs=false -o bin/tlsify-check ./cmd/tlsify-check
	@for engine in std utls pq; do bin/tlsify-check -engine $$engine bin/tlsify || exit 1; done

# What an installation has, and where. The private directory is to be placed
# first in one program's PATH; nothing is ever put over another program.
DESTDIR =
PREFIX  = /usr/local
MANDIR  = $(PREFIX)/share/man
BASHDIR = $(PREFIX)/share/bash-completion/completions
ZSHDIR  = $(PREFIX)/share/zsh/site-functions
FISHDIR = $(PREFIX)/share/fish/vendor_completions.d
DOCDIR  = $(PREFIX)/share/doc/tlsify
PRIVATE = $(PREFIX)/lib/tlsify/bin
PERSONALITIES = couriertls ggl-tls-helper openssl s6-tlsc-io s6-tlsd-io s6-ucspitlsc s6-ucspitlsd ssl_client
BINARY  = bin/tlsify
ARCH    = $$($(GO) env GOARCH)
PAGES   = README.md SECURITY.md ENGINES.md CHANGELOG.md CONTRIBUTING.md LICENSE
DIST    = amd64 arm64 riscv64 armv7 386 mipsle

install: build install-files ## install below DESTDIR and PREFIX (/usr/local): program, manual page, completions, personalities

install-files:
	@for dir in "$(PREFIX)/bin" "$(MANDIR)/man1" "$(BASHDIR)" "$(ZSHDIR)" "$(FISHDIR)" "$(DOCDIR)/doc" "$(DOCDIR)/examples/go" "$(PRIVATE)"; do install -d "$(DESTDIR)$$dir" || exit 1; done
	@install -m 755 "$(BINARY)" "$(DESTDIR)$(PREFIX)/bin/tlsify"
	@install -m 644 doc/tlsify.1 "$(DESTDIR)$(MANDIR)/man1/tlsify.1"
	@install -m 644 doc/completions/tlsify "$(DESTDIR)$(BASHDIR)/tlsify"
	@install -m 644 doc/completions/_tlsify "$(DESTDIR)$(ZSHDIR)/_tlsify"
	@install -m 644 doc/completions/tlsify.fish "$(DESTDIR)$(FISHDIR)/tlsify.fish"
	@install -m 644 $(PAGES) "$(DESTDIR)$(DOCDIR)"
	@install -m 644 doc/*.md "$(DESTDIR)$(DOCDIR)/doc"
	@install -m 644 examples/*.* "$(DESTDIR)$(DOCDIR)/examples"
	@install -m 644 examples/go/* "$(DESTDIR)$(DOCDIR)/examples/go"
	@for name in $(PERSONALITIES); do ln -sf ../../../bin/tlsify "$(DESTDIR)$(PRIVATE)/$$name" || exit 1; done

uninstall: ## remove what install has put there
	@rm -f "$(DESTDIR)$(PREFIX)/bin/tlsify" "$(DESTDIR)$(MANDIR)/man1/tlsify.1" "$(DESTDIR)$(BASHDIR)/tlsify" \
	    "$(DESTDIR)$(ZSHDIR)/_tlsify" "$(DESTDIR)$(FISHDIR)/tlsify.fish"
	@for name in $(PERSONALITIES); do rm -f "$(DESTDIR)$(PRIVATE)/$$name"; done
	@rm -rf "$(DESTDIR)$(DOCDIR)"
	@for dir in "$(DESTDIR)$(PRIVATE)" "$(DESTDIR)$(PREFIX)/lib/tlsify"; do [ ! -d "$$dir" ] || rmdir "$$dir" || exit 1; done

deb: toolchain ## make bin/tlsify_ARCH.deb, without root; needs dpkg-deb
	@mkdir -p bin
	@GOOS=linux GOARCH=$(ARCH) $(GOBUILD) -o bin/tlsify-linux-$(ARCH) ./cmd/tlsify
	@.ci/deb $(ARCH) bin/tlsify-linux-$(ARCH) bin/tlsify_$(ARCH).deb

source: ## make bin/tlsify-VERSION.tar.gz of what is committed, for the recipes in packaging; needs git
	@mkdir -p bin
	@version=$$(sed -n 's/^const version = "\(.*\)"$$/\1/p' cmd/tlsify/*.go) && \
	    git archive --prefix="tlsify-$$version/" -o "bin/tlsify-$$version.tar.gz" HEAD

dist: toolchain ## make the static programs bin/dist/tlsify-linux-ARCH, and see that they are static
	@mkdir -p bin/dist
	@for arch in $(DIST); do GOOS=linux GOARCH=$${arch%v7} GOARM=7 GOMIPS=softfloat $(GOBUILD) -o bin/dist/tlsify-linux-$$arch ./cmd/tlsify || exit 1; done
	@$(GO) run .ci/static.go $$(for arch in $(DIST); do echo bin/dist/tlsify-linux-$$arch; done)

UNIXES = freebsd openbsd netbsd darwin
# The packages that are made for Linux, or have tests that are.
LINUX  = /(bench|doc|cmd/tlsify|cmd/tlsify-bench)$$
unixes: toolchain ## see that the program compiles for the other unixes (UNIXES), and what else is not for Linux alone for FreeBSD; doc/architecture.md says what it lacks there
	@for os in $(UNIXES); do GOOS=$$os $(GOBUILD) -o /dev/null ./cmd/tlsify || exit 1; done
	@CGO_ENABLED=0 GOOS=freebsd $(GO) vet -tags '$(TAGS)' $$($(GO) list -tags '$(TAGS)' ./... | grep -Ev '$(LINUX)')

bogo: toolchain ## run BoringSSL's protocol tests on pq; RUNNER is its ssl/test/runner, built with go test -c
	@test -n '$(RUNNER)' || { echo 'make bogo RUNNER=.../ssl/test/runner/runner.test'; false; }
	@TLSIFY_BOGO_RUNNER='$(RUNNER)' $(GOTEST) -count=1 -timeout 30m -run TestBoGo -v ./engines/pq

PYTHON = python3
tlsfuzzer: toolchain ## run tlsfuzzer's TLS 1.3 scripts on pq; TLSFUZZER is its source, PYTHON has the packages that it needs
	@test -n '$(TLSFUZZER)' || { echo 'make tlsfuzzer TLSFUZZER=DIR [PYTHON=FILE]'; false; }
	@TLSIFY_TLSFUZZER='$(TLSFUZZER)' TLSIFY_TLSFUZZER_PYTHON='$(PYTHON)' $(GOTEST) -count=1 -timeout 60m -run TestTLSFuzzer -v ./cmd/tlsify

pq-table: toolchain ## measure what handshakes cost, and put the tables into ENGINES.md; needs Node.js 24 as TLSIFY_TEST_NODE, and a quiet machine
	@TLSIFY_HANDSHAKE_TABLE=200 TLSIFY_HANDSHAKE_DOC="$$PWD/ENGINES.md" $(GOTEST) -count=1 -timeout 60m -run 'TestHandshakeTable|TestCertificateTable|TestFeatureTable' -v ./engines/pq

# The lines of doc/loss.md, what crosses them, and how often.
LOSS = 30ms,iw=10 30ms,1%,iw=10 30ms,3%,iw=10 30ms,iw=32 30ms,1%,iw=32 30ms,3%,iw=32
LOSS_OF = x25519+P-256,X25519MLKEM768+P-256,MLKEM1024+P-256,X25519MLKEM768+ML-DSA-44,X25519MLKEM768+ML-DSA-65,X25519MLKEM768+ML-DSA-65 alone,X25519MLKEM768+ML-DSA-87,MLKEM1024+ML-DSA-87
HANDSHAKES = 200
loss: bench-build ## handshakes over lossy lines, into doc/loss.md: in QEMU, on a kernel with netem (.ci/loss); takes 15 minutes of processor time
	@printf '%s\n' $(LOSS) | cat -n | xargs -P "$$(nproc)" -L 1 sh -c 'line=$$1; count=40; case $$line in *%*) count=$(HANDSHAKES);; esac; \
	    SEED=$$0 .ci/loss "bin/loss-$$line.json" --handshakes $$count --link "$$line" --pair "$(LOSS_OF)"'
	@bin/tlsify-bench show --as percentiles --into doc/loss.md $(LOSS:%=bin/loss-%.json)

BENCHFLAGS = -buildvcs=false -trimpath -ldflags='-s -w'
ENGINE = std
BENCH  = bin/bench
REPORT = bench/results/epyc-2
RESUME =
BUDGET = 12m
# std is measured as a build of its own; another engine beside it, in one that has both.
QUICK  = $$(test '$(ENGINE)' = std && echo --tlsify bin/tlsify-std || echo --tlsify bin/tlsify --engine '$(ENGINE)')

bench-quick: bench-build ## tlsify (ENGINE=std) beside the peers that are installed, in 90 seconds
	@bin/tlsify-bench quick $(QUICK) --json bin/bench-quick.json || test $$? -eq 1 # a goal was missed, and it says so

bench: bench-build ## everything, in 15 minutes (BUDGET=12m); BENCH=bench/results/NAME is where the report goes; RESUME=--resume goes on
	@mkdir -p "$$(dirname '$(BENCH)')"
	@bin/tlsify-bench run --tlsify bin/tlsify-std --more-engines bin/tlsify --json '$(BENCH).json' --budget '$(BUDGET)' $(RESUME) || test $$? -eq 1
	@bin/tlsify-bench show --as all --output '$(BENCH)' '$(BENCH).json'
	@echo 'The report is $(BENCH).html'

bench-report: ## make bench for doc/figures.md: the committed report, and its summary there
	@$(MAKE) -s bench BENCH=$(REPORT) RESUME='$(RESUME)' BUDGET='$(BUDGET)'
	@bin/tlsify-bench show --into doc/figures.md $(REPORT).json

bench-engines: bench-build ## size and start of each build; INTO=ENGINES.md puts them there
	@CGO_ENABLED=0 $(GO) build $(BENCHFLAGS) -tags utls -o bin/tlsify-utls ./cmd/tlsify
	@CGO_ENABLED=0 $(GO) build $(BENCHFLAGS) -tags pq -o bin/tlsify-pq ./cmd/tlsify
	@bin/tlsify-bench engines $${INTO:+--into "$$INTO"} std=bin/tlsify-std utls=bin/tlsify-utls pq=bin/tlsify-pq all=bin/tlsify

bench-build: build ## build bin/tlsify-bench, and bin/tlsify-std, a tlsify with the engine std alone
	@CGO_ENABLED=0 $(GO) build $(BENCHFLAGS) -o bin/tlsify-std ./cmd/tlsify
	@$(GOBUILD) -o bin/tlsify-bench ./cmd/tlsify-bench

rename: ## give the module another path: make rename MODULE=example.org/tlsify
	@test -n '$(MODULE)' || { echo 'make rename MODULE=example.org/tlsify'; false; }
	@$(GO) run .ci/rename.go '$(MODULE)'

suffixes: ## renew the list of public suffixes from golang.org/x/net's
	@$(GO) run .ci/suffixes.go >verify/suffixes.tmp && mv verify/suffixes.tmp verify/suffixes.txt

rooms: ## count how the program's rooms hang together
	@$(GO) run .ci/rooms.go -tags '$(TAGS)' $(ROOMS) ./cmd/tlsify/...

clean: ## remove what was built
	@rm -rf bin
