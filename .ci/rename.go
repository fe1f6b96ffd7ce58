// Rename gives the module another path, as when it comes to have a public home:
// in go.mod, in every import, and in what packages it elsewhere.
//
//	go run .ci/rename.go example.org/tlsify
package main

import (
	"bytes"
	"fmt"
	"go/format"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// elsewhere are the files beside Go's that have the path of a package.
var elsewhere = []string{"packaging/openwrt/Makefile"}

func main() {
	if len(os.Args) != 2 || os.Args[1] == "" {
		fmt.Fprintln(os.Stderr, "usage: make rename MODULE=example.org/tlsify")
		os.Exit(2)
	}
	if err := rename(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func rename(to string) error {
	out, err := exec.Command("go", "list", "-m").Output()
	if err != nil {
		return fmt.Errorf("go list -m: %w", err)
	}
	from := strings.TrimSpace(string(out))
	// Go says what can be a path. It is asked first, before anything is changed.
	if out, err := exec.Command("go", "mod", "edit", "-module="+to).CombinedOutput(); err != nil {
		return fmt.Errorf("go mod edit: %w: %s", err, out)
	}
	err = filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != "." && path != ".ci" && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata" || entry.Name() == "bin"):
			return fs.SkipDir
		case !entry.Type().IsRegular() || filepath.Ext(path) != ".go":
			return nil
		}
		return imports(path, from, to)
	})
	if err != nil {
		return err
	}
	for _, path := range elsewhere {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte(from+"/cmd/"), []byte(to+"/cmd/")), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// imports puts the new path into the imports of a file, in their order.
func imports(path, from, to string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, text, parser.ImportsOnly)
	if err != nil {
		return err
	}
	changed := false
	for _, spec := range slices.Backward(file.Imports) {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return err
		}
		if name == from || strings.HasPrefix(name, from+"/") {
			start := fset.Position(spec.Path.Pos()).Offset
			text = slices.Concat(text[:start], []byte(strconv.Quote(to+strings.TrimPrefix(name, from))), text[start+len(spec.Path.Value):])
			changed = true
		}
	}
	if !changed {
		return nil
	}
	if text, err = format.Source(text); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}
