package main

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The module can be given another path by one command, and nothing in the tree
// depends on the one that it has: what go list finds wrong would not compile.
func TestRename(t *testing.T) {
	needGo(t)
	dir, was := t.TempDir(), modulePath(t)
	copyTree(t, "../..", dir)
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v: %s", name, args, err, out)
		}
		return string(out)
	}
	// What is no path of a module changes nothing.
	for _, path := range []string{"..", "a/../b", "/a", "a//b", "a/", "a b", "a;b", "-a"} {
		cmd := exec.Command("go", "run", ".ci/rename.go", path)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "malformed import path") {
			t.Errorf("%q: %v: %s", path, err, out)
		}
	}
	if now := strings.TrimSpace(run("go", "list", "-m")); now != was {
		t.Errorf("the module is %q", now)
	}
	run("go", "run", ".ci/rename.go", "example.org/moved")
	for line := range strings.Lines(run("go", "list", "-deps", "-test", "-e", "-tags", "utls,pq", "-f", "{{.ImportPath}}{{with .Error}}: {{.Err}}{{end}}", "./...")) {
		if strings.Contains(line, ": ") || strings.HasPrefix(line, was+"/") {
			t.Error(line)
		}
	}
	text, err := os.ReadFile(dir + "/packaging/openwrt/Makefile")
	if err != nil || !strings.Contains(string(text), "example.org/moved/cmd/tlsify") {
		t.Errorf("OpenWrt's Makefile: %v", err)
	}
}

// copyTree copies what of a tree has to do with building it.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		name := filepath.Base(path)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == ".git" || name == "fuzz" || name == "bin"):
			return fs.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.WriteFile(target, content, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}
