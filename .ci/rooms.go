// Rooms counts how a program's rooms hang together: which file uses a name of
// which other, by go/types. It prints the largest knots, files of which each
// leads to each other; the arrows, direct imports between the program's own
// packages; and the floors, the longest way down by them. With limits it fails
// where one is passed.
//
//	go run .ci/rooms.go -tags utls,pq -knot 4 -arrows 60 -floors 8 ./cmd/tlsify/...
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// room is a package, as go list has it.
type room struct {
	ImportPath, Dir, Export string
	GoFiles, Imports        []string
	DepOnly                 bool
}

func main() {
	tags := flag.String("tags", "", "build tags")
	knot := flag.Int("knot", 0, "the most files of one knot; 0: any number")
	arrows := flag.Int("arrows", 0, "the most arrows")
	floors := flag.Int("floors", 0, "the most floors")
	verbose := flag.Bool("v", false, "print every arrow, and every knot")
	flag.Parse()
	rooms, exports, err := list(*tags, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	uses := map[string][]string{} // by file
	for _, r := range rooms {
		if err := r.addUses(uses, exports); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	var drawn []string
	below := map[string][]string{} // by package
	for _, r := range rooms {
		for _, path := range r.Imports {
			if slices.ContainsFunc(rooms, func(other *room) bool { return other.ImportPath == path }) {
				below[r.ImportPath] = append(below[r.ImportPath], path)
				drawn = append(drawn, filepath.Base(r.ImportPath)+" -> "+filepath.Base(path))
			}
		}
	}
	highest := 0
	for _, r := range rooms {
		highest = max(highest, floor(r.ImportPath, below))
	}
	knots := components(uses)
	largest := 0
	for _, files := range knots {
		largest = max(largest, len(files))
		if *verbose {
			fmt.Println("a knot of", len(files), "files:", strings.Join(files, " "))
		}
	}
	if *verbose {
		slices.Sort(drawn)
		fmt.Println(strings.Join(drawn, "\n"))
	}
	fmt.Printf("%d rooms, %d files; the largest knot has %d files; %d arrows; %d floors\n", len(rooms), len(uses), largest, len(drawn), highest)
	for _, c := range []struct{ have, most int }{{largest, *knot}, {len(drawn), *arrows}, {highest, *floors}} {
		if c.most > 0 && c.have > c.most {
			fmt.Printf("%d is more than %d\n", c.have, c.most)
			os.Exit(1)
		}
	}
}

// list gives the packages that patterns name, and of all that they stand on where
// the compiler has left its types.
func list(tags string, patterns []string) (rooms []*room, exports map[string]string, err error) {
	cmd := exec.Command("go", append([]string{"list", "-deps", "-export", "-json=ImportPath,Dir,Export,GoFiles,Imports,DepOnly", "-tags", tags}, patterns...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, nil, err
	}
	exports = map[string]string{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		r := &room{}
		if err := decoder.Decode(r); errors.Is(err, io.EOF) {
			return rooms, exports, nil
		} else if err != nil {
			return nil, nil, err
		}
		exports[r.ImportPath] = r.Export
		if !r.DepOnly {
			rooms = append(rooms, r)
		}
	}
}

// addUses adds, for each file of the package, which other files of it have what
// it uses: names, methods and fields. Between packages there can be no circle.
func (r *room) addUses(uses map[string][]string, exports map[string]string) error {
	fset := token.NewFileSet()
	var files []*ast.File
	for _, name := range r.GoFiles {
		file, err := parser.ParseFile(fset, filepath.Join(r.Dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		files = append(files, file)
	}
	find := func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: importer.ForCompiler(fset, "gc", find)}
	pkg, err := config.Check(r.ImportPath, fset, files, info)
	if err != nil {
		return err
	}
	name := func(pos token.Pos) string {
		return filepath.Base(r.ImportPath) + "/" + filepath.Base(fset.Position(pos).Filename)
	}
	for _, file := range files {
		uses[name(file.Pos())] = nil
	}
	for id, object := range info.Uses {
		if object.Pkg() != pkg || !object.Pos().IsValid() {
			continue
		}
		from, to := name(id.Pos()), name(object.Pos())
		if from != to && !slices.Contains(uses[from], to) {
			uses[from] = append(uses[from], to)
		}
	}
	return nil
}

// floor is how high a package stands, from 1.
func floor(path string, below map[string][]string) int {
	high := 0
	for _, other := range below[path] {
		high = max(high, floor(other, below))
	}
	return high + 1
}

// components are the strongly connected components of more than one node, the
// largest first (Tarjan's algorithm).
func components(edges map[string][]string) (all [][]string) {
	index, low := map[string]int{}, map[string]int{}
	var stack []string
	var visit func(string)
	visit = func(node string) {
		index[node] = len(index) + 1
		low[node] = index[node]
		stack = append(stack, node)
		for _, next := range edges[node] {
			if index[next] == 0 {
				visit(next)
				low[node] = min(low[node], low[next])
			} else if slices.Contains(stack, next) {
				low[node] = min(low[node], index[next])
			}
		}
		if low[node] == index[node] {
			at := slices.Index(stack, node)
			if knot := slices.Clone(stack[at:]); len(knot) > 1 {
				slices.Sort(knot)
				all = append(all, knot)
			}
			stack = stack[:at]
		}
	}
	var nodes []string
	for node := range edges {
		nodes = append(nodes, node)
	}
	slices.Sort(nodes)
	for _, node := range nodes {
		if index[node] == 0 {
			visit(node)
		}
	}
	slices.SortFunc(all, func(a, b []string) int { return len(b) - len(a) })
	return all
}
