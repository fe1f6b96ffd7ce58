#!/usr/bin/env bash
# Software: golang.org/x/net v0.62.0, package publicsuffix, with Go 1.27.3 (GOTOOLCHAIN
# fetches it from the Go module proxy; needs any Go since 1.21).
#
# Behaviour: PublicSuffix("ck") says that ck is a suffix, and that it is not managed by
# ICANN, as of a name that the list does not know; so for each of the eight top-level
# domains that the list has in a wildcard rule alone (*.ck). The one that it has only in
# the names below it, za, is managed by ICANN. What decides by that flag whether
# registries register under a domain, to refuse a wildcard certificate or a cookie for
# it, must not go by it for a name without a dot.
#
# Output seen on 2026-11-29:
#   v0.62.0: not ICANN's: ck er fk jm kh mm np pg; ICANN's: com uk za; but www.ck is under ck, which is ICANN's
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.27.0

require golang.org/x/net v0.62.0
END
cat >main.go <<'END'
package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/net/publicsuffix"
)

func main() {
	managed := map[bool][]string{}
	for _, domain := range strings.Fields("ck com er fk jm kh mm np pg uk za") {
		suffix, icann := publicsuffix.PublicSuffix(domain)
		if suffix != domain {
			panic(suffix)
		}
		managed[icann] = append(managed[icann], domain)
	}
	suffix, icann := publicsuffix.PublicSuffix("www.ck") // the exception to *.ck
	below := map[bool]string{true: "which is ICANN's", false: "which is not ICANN's"}[icann]
	not, are := strings.Join(managed[false], " "), strings.Join(managed[true], " ")
	fmt.Printf("v0.62.0: not ICANN's: %s; ICANN's: %s; but www.ck is under %s, %s\n", not, are, suffix, below)
	if not != "ck er fk jm kh mm np pg" || are != "com uk za" || suffix != "ck" || !icann {
		os.Exit(1)
	}
}
END
export GOTOOLCHAIN=go1.27.3 GOFLAGS=-mod=mod GOWORK=off
timeout 300 go run .
