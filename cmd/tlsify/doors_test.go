package main

import (
	"slices"
	"strings"
	"testing"
)

// doors are what each room of cmd and bench imports of ours, all of it: a room of
// cmd/tlsify/internal by its name, any other by its path behind a slash. The
// higher ones stand on the lower ones, and never the other way round.
var doors = map[string]string{
	"cmd/tlsify":                      "acquire caller connection fingerprint invocation listener option process program signing status /cmd/internal/early /engine /engines/brotli /engines/pq /engines/std /engines/utls",
	"cmd/tlsify/internal/acquire":     "fingerprint invocation option process signing source status /engine /engine/trustanchor /pump /stream /verify /verify/mtc",
	"cmd/tlsify/internal/caller":      "facts personality privilege process status /pump /stream /verify",
	"cmd/tlsify/internal/connection":  "acquire caller dial facts invocation privilege process program sessions status /engine /engine/trustanchor /pump /stream /verify",
	"cmd/tlsify/internal/credential":  "/engine/trustanchor /verify/pemfile",
	"cmd/tlsify/internal/dial":        "/stream",
	"cmd/tlsify/internal/facts":       "status /engine /verify /verify/mtc",
	"cmd/tlsify/internal/fingerprint": "/engine/trustanchor",
	"cmd/tlsify/internal/invocation":  "dial option privilege process signer status /engine /pump /verify",
	"cmd/tlsify/internal/listener":    "acquire facts invocation process program status /engine /stream",
	"cmd/tlsify/internal/option":      "status",
	"cmd/tlsify/internal/personality": "",
	"cmd/tlsify/internal/privilege":   "process status",
	"cmd/tlsify/internal/process":     "status /stream",
	"cmd/tlsify/internal/program":     "process status /stream",
	"cmd/tlsify/internal/sessions":    "",
	"cmd/tlsify/internal/signer":      "",
	"cmd/tlsify/internal/signing":     "privilege process signer source status /engine /stream",
	"cmd/tlsify/internal/source":      "credential process status /engine /engine/ech /engine/trustanchor /stream /verify /verify/mtc /verify/pemfile",
	"cmd/tlsify/internal/status":      "/stream",
	"cmd/tlsify-bench":                "/bench /bench/line",
	"cmd/tlsify-check":                "",
	"cmd/tlsify-ech":                  "/cmd/internal/subcommand /engine/ech /verify/pemfile",
	"cmd/tlsify-endings":              "/engine/pki",
	"cmd/tlsify-mtc":                  "/cmd/internal/subcommand /engine/trustanchor /verify/mtc /verify/mtc/tlog",
	"cmd/internal/early":              "",
	"cmd/internal/subcommand":         "",
	"bench":                           "/bench/line /engine /engine/pki /engines/pq /verify/mtc/pretend",
	"bench/line":                      "",
}

// Every room has its row, and every door is in it and used.
func TestDoors(t *testing.T) {
	module := modulePath(t)
	seen := map[string]bool{}
	for _, line := range goList(t, "-tags", "utls,pq", "-f", `{{.ImportPath}} {{join .Imports " "}}`, module+"/cmd/...", module+"/bench/...") {
		words := strings.Fields(line)
		room := strings.TrimPrefix(words[0], module+"/")
		var have []string
		for _, path := range words[1:] {
			if path, ours := strings.CutPrefix(path, module+"/"); ours {
				name, own := strings.CutPrefix(path, "cmd/tlsify/internal/")
				if !own {
					name = "/" + path
				}
				have = append(have, name)
			}
		}
		may, known := doors[room]
		if !known {
			t.Errorf("%s has no row", room)
		}
		seen[room] = true
		for _, door := range have {
			if !slices.Contains(strings.Fields(may), door) {
				t.Errorf("%s imports %s, which its row does not have", room, door)
			}
		}
		for _, door := range strings.Fields(may) {
			if !slices.Contains(have, door) {
				t.Errorf("%s does not import %s, which its row has", room, door)
			}
		}
	}
	for room := range doors {
		if !seen[room] {
			t.Errorf("there is no %s", room)
		}
	}
}

// However the rooms are cut, no more files than these hang together, and no more
// doors lead from one to another.
func TestKnots(t *testing.T) {
	needGo(t)
	for _, args := range [][]string{{"-knot", "4", "-arrows", "60", "-floors", "8", "./..."}, {"-knot", "4", "-floors", "8", "../..."}} {
		out, err := goRun(t, append([]string{"../../.ci/rooms.go", "-tags", "utls,pq"}, args...)...)
		if err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
}
