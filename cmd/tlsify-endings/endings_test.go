package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain has the test's program be the servers' program as well.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "answer" {
		os.Exit(answer(os.Args[2], os.Stdin, os.Stdout))
	}
	os.Exit(m.Run())
}

// What the servers need and cannot be put there is said, and nothing is left: it ended in
// a panic.
func TestNoHouse(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	if _, err := newHouse(strings.Repeat("x", 5000), ""); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

// The default loses no reply of the servers that lose one by half-close, as far as
// they need nothing but Go and what the other tests need. `make endings` asks all
// of them.
func TestNoReplyIsLost(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs go")
	}
	tlsify := filepath.Join(t.TempDir(), "tlsify")
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", tlsify, "tlsify/cmd/tlsify")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, only := range []string{"Go net/http, with a context", "Go ReverseProxy", "nginx", "ncat"} {
		t.Run(only, func(t *testing.T) {
			t.Parallel()
			bad, err := run(t.Context(), tlsify, options{only: only, into: document(t), tries: 2, auto: true, limit: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			for _, cell := range bad {
				t.Error(cell)
			}
		})
	}
}

// document is one with a place for the table.
func document(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "endings.md")
	if err := os.WriteFile(path, []byte("before\n"+tableBegins+"stale\n"+tableEnds+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		text, _ := os.ReadFile(path)
		if s := string(text); !strings.HasPrefix(s, "before\n"+tableBegins) || strings.Contains(s, "stale") || !strings.HasSuffix(s, tableEnds+"after\n") {
			t.Errorf("the document is %q", s)
		}
	})
	return path
}

// Once a tlsify that is not there was measured for an hour, and put into the document.
func TestNothingIsMeasuredInVain(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	place, none := filepath.Join(dir, "place.md"), filepath.Join(dir, "none.md")
	for path, text := range map[string]string{place: tableBegins + "the last\n" + tableEnds, none: "no place\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for what, c := range map[string]struct {
		tlsify string
		o      options
	}{
		"no tlsify":      {dir + "/tlsify", options{into: place}},
		"no program":     {place, options{into: place}},
		"no such server": {self, options{into: place, only: "no such server"}},
		"no document":    {self, options{into: dir + "/nowhere.md"}},
		"no place":       {self, options{into: none}},
	} {
		ctx, stop := context.WithCancel(t.Context())
		stop()
		c.o.tries, c.o.limit = 1, time.Second
		if _, err := run(ctx, c.tlsify, c.o); err == nil || errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if text, _ := os.ReadFile(place); !strings.Contains(string(text), "the last") {
		t.Errorf("the document is %q", text)
	}
}

// A server may give up root's rights and has to write where its files are, which root has
// read and run by then: whoever else can write there could have put others in their place.
func TestFilesOfAServerStay(t *testing.T) {
	dir := t.TempDir()
	site := &site{values: map[string]string{"dir": dir}}
	if err := site.begin(t.Context(), []string{"true"}, nil); err != nil {
		t.Fatal(err)
	}
	defer site.stop()
	if info, err := os.Stat(dir); err != nil || info.Mode()&(os.ModeSticky|0o777) != os.ModeSticky|0o777 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestJudge(t *testing.T) {
	page := []byte("page\n")
	for came, want := range map[string]string{
		"":                                 "empty",
		"HTTP/1.0 200 OK\r\n\r\npage\n":    "whole",
		"HTTP/1.0 200 OK\r\n\r\npa":        "cut",
		"HTTP/1.0 200 OK\r\nConte":         "cut",
		"HTTP/1.0 502 Bad Gateway\r\n\r\n": "502",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\npage\n\r\n0\r\n\r\n": "whole",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\npage\n\r\n":          "cut",
	} {
		if got := judge([]byte(came), page, false); got != want {
			t.Errorf("%q is %s, want %s", came, got, want)
		}
	}
	if got := judge(page, page, true); got != "whole" {
		t.Errorf("a page alone is %s", got)
	}
}
