#!/usr/bin/env bash
# Software: github.com/refraction-networking/utls v1.8.2, which imports the package zstd
# of github.com/klauspost/compress (v1.17.4, as its go.mod asks for; v1.20.4 does the same), with Go 1.27.3
# (GOTOOLCHAIN fetches it from the Go module proxy; needs any Go since 1.21).
#
# Behaviour: a program that imports utls, or that zstd alone, and uses nothing of it,
# computes a table of CRC-32C at each start, for a format, Snappy's, that neither has to
# do with: package zstd imports internal/snapref, which makes the table when it is
# initialised. On amd64 it is the dearest initialiser of such a program, a tenth of a
# millisecond and more, where the start of a small Go program takes one; utls adds others,
# and net/http. A program that is started for each connection pays it each time, and no
# importer can put it off.
#
# Output seen on 2026-11-29, on amd64 (the times vary):
#   go1.27.3: zstd's internal/snapref 0.19 ms of 0.43 ms that importing utls adds to a start with crypto/tls; dearest of all: true
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off CGO_ENABLED=0
cat >go.mod <<'END'
module finding

go 1.27.0

require github.com/refraction-networking/utls v1.8.2
END
mkdir with without
cat >without/main.go <<'END'
package main

import _ "crypto/tls"

func main() {}
END
cat >with/main.go <<'END'
package main

import (
	_ "crypto/tls"

	_ "github.com/refraction-networking/utls"
)

func main() {}
END
timeout 300 go build -o with.out ./with 2>log || { cat log >&2; exit 1; }
timeout 300 go build -o without.out ./without
python3 - "$(go env GOVERSION)" <<'END'
import os, re, statistics, subprocess, sys

def times(program):
    """The medians of the milliseconds that each package's initialisation takes."""
    seen = {}
    for _ in range(15):
        trace = subprocess.run([program], env=dict(os.environ, GODEBUG="inittrace=1"), capture_output=True, text=True).stderr
        for name, clock in re.findall(r"^init (\S+) @\S+ ms, (\S+) ms clock", trace, re.M):
            seen.setdefault(name, []).append(float(clock))
    return {name: statistics.median(clocks) for name, clocks in seen.items()}

without, with_utls = times("./without.out"), times("./with.out")
added = {name: ms for name, ms in with_utls.items() if name not in without}
name = "github.com/klauspost/compress/internal/snapref"
dearest = max(with_utls, key=with_utls.get) == name
print(f"{sys.argv[1]}: zstd's internal/snapref {with_utls.get(name, 0):.2f} ms of {sum(added.values()):.2f} ms "
      f"that importing utls adds to a start with crypto/tls; dearest of all: {'true' if dearest else 'false'}")
sys.exit(name not in with_utls)
END
