//go:build linux

package privilege

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// What links lead to is readable with the directory that they are in, however many they
// are, and what is beside it is not: only a tree that everyone may read is, by the
// directories in it that links lead to.
func TestReachable(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	hashed, store, home, deep, tree := root+"/hashed", root+"/store", root+"/home", root+"/deep", root+"/tree"
	for _, dir := range []string{hashed, store, home, deep, tree, tree + "/one", tree + "/other"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	link := func(target, name string) {
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	file := func(name string) string {
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		return name
	}
	for i := range 8 {
		name := fmt.Sprintf("%d.pem", i)
		link(file(store+"/"+name), hashed+"/"+name)
		link(name, fmt.Sprintf("%s/0000000%d.0", hashed, i))
	}
	link(file(deep+"/odd.pem"), store+"/8.pem")
	link(store+"/8.pem", hashed+"/8.pem") // a link to a link
	file(store + "/private.key")
	link(file(tree+"/one/a.pem"), hashed+"/a.pem")
	link(file(tree+"/one/b.pem"), hashed+"/b.pem")
	link(file(deep+"/far.pem"), tree+"/one/far.pem")
	link(home, tree+"/out") // out of the tree
	link(tree+"/out/own.pem", hashed+"/out.pem")
	link("../home/own.pem", hashed+"/own.pem")
	file(home + "/own.pem")
	file(home + "/.secret")
	link(root+"/nowhere/gone.pem", hashed+"/gone.pem")
	link(hashed, root+"/alias")

	got := reachable([]string{root + "/alias", root + "/missing", file(root + "/bundle.pem")}, []string{tree})
	want := []string{hashed, home + "/own.pem", root + "/bundle.pem", deep + "/odd.pem", tree + "/one", deep + "/far.pem"}
	for i := range 8 {
		want = append(want, fmt.Sprintf("%s/%d.pem", store, i))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("reachable are %q, want %q", got, want)
	}
}

// What is not there is no reason to leave everything else open.
func TestMissingDirectories(t *testing.T) {
	if _, err := landlockVersion(); err != nil {
		t.Skip(err)
	}
	missing := t.TempDir() + "/missing"
	for _, needs := range []Needs{{Read: []string{missing}}, {Whole: []string{missing}}, {Replace: missing}} {
		r, err := newRuleset(needs)
		if err != nil {
			t.Errorf("%+v: %v", needs, err)
			continue
		}
		r.close()
	}
}
