//go:build linux

package privilege

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// What links lead to is readable with the directory that they are in: a file
// or two by themselves, and a whole store of certificates by its directory.
func TestReachable(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	hashed, store, home, deep := root+"/hashed", root+"/store", root+"/home", root+"/deep"
	for _, dir := range []string{hashed, store, home, deep} {
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
	for i := range manyLinks {
		name := fmt.Sprintf("%d.pem", i)
		link(file(store+"/"+name), hashed+"/"+name)
		link(name, fmt.Sprintf("%s/0000000%d.0", hashed, i))
	}
	link(file(deep+"/odd.pem"), store+"/odd.pem") // behind a link to a link
	link("../home/own.pem", hashed+"/own.pem")
	file(home + "/own.pem")
	file(home + "/.secret")
	link(root+"/nowhere/gone.pem", hashed+"/gone.pem")
	link(hashed, root+"/alias")

	got := reachable([]string{root + "/alias", root + "/missing", file(root + "/bundle.pem")})
	want := []string{hashed, store, deep + "/odd.pem", home + "/own.pem", root + "/bundle.pem"}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("reachable are %q, want %q", got, want)
	}
}
