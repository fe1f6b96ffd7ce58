// Suffixes writes verify/suffixes.txt, the public suffixes that a wildcard is not
// honoured over, from the list of golang.org/x/net/publicsuffix. The package itself
// brings net/http into a program, which costs each start of it.
//
//	go run .ci/suffixes.go >verify/suffixes.txt
package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

func main() {
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, "suffixes:", err)
		os.Exit(1)
	}
}

func write() error {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "golang.org/x/net/publicsuffix").Output()
	if err != nil {
		return err
	}
	values := map[string]ast.Expr{}
	for _, name := range []string{"table.go", "table_test.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(strings.TrimSpace(string(dir)), name), nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Names) == 1 && len(spec.Values) == 1 {
				values[spec.Names[0].Name] = spec.Values[0]
			}
			return true
		})
	}
	version, err := text(values["version"])
	if err != nil {
		return err
	}
	number, _ := values["numICANNRules"].(*ast.BasicLit)
	list, _ := values["rules"].(*ast.CompositeLit)
	if number == nil || list == nil {
		return errors.New("the package is not what it was")
	}
	icann, err := strconv.Atoi(number.Value)
	if err != nil || icann > len(list.Elts) {
		return errors.New("the package counts other than it did")
	}
	rules := make([]string, icann)
	for i := range rules {
		if rules[i], err = text(list.Elts[i]); err != nil {
			return err
		}
	}
	// Each top-level domain is one, of those that the list only names in others too.
	for _, rule := range rules[:icann] {
		rules = append(rules, rule[strings.LastIndexByte(rule, '.')+1:])
	}
	slices.Sort(rules)
	rules = slices.Compact(rules)
	fmt.Printf("The section of registries of the Public Suffix List: %s.\n", version)
	fmt.Println("It is subject to the Mozilla Public License, version 2.0 (https://mozilla.org/MPL/2.0/).")
	fmt.Println("Sorted, with each top-level domain, and made by `make suffixes`.")
	fmt.Printf("\n%s\n", strings.Join(rules, "\n"))
	return nil
}

// text is what a string literal says.
func text(e ast.Expr) (string, error) {
	literal, ok := e.(*ast.BasicLit)
	if !ok {
		return "", errors.New("the package has no text where it had")
	}
	return strconv.Unquote(literal.Value)
}
