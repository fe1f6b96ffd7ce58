package main

import (
	"go/ast"
	syntax "go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tlsify/cmd/tlsify/internal/facts"
	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/personality"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
)

// docPage is the part of a page in doc/ behind the comment that names a table, up to
// the next heading.
func docPage(t *testing.T, name, table string) string {
	t.Helper()
	text, err := os.ReadFile("../../doc/" + name)
	if err != nil {
		t.Fatal(err)
	}
	_, behind, ok := strings.Cut(string(text), table)
	if !ok {
		t.Fatalf("%s has no %q", name, table)
	}
	part, _, _ := strings.Cut(behind, "\n#")
	return part
}

// The page's table of options has every option, and no other.
func TestPageOptions(t *testing.T) {
	var have, want []string
	for line := range strings.Lines(docPage(t, "options.md", "<!-- options:")) {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			for _, match := range regexp.MustCompile("`(--?[a-z0-9][a-z0-9-]*)").FindAllStringSubmatch(cells[1], -1) {
				have = append(have, match[1])
			}
		}
	}
	for _, o := range option.Table {
		want = append(want, "--"+o.Name)
		if o.Short != "" {
			want = append(want, "-"+o.Short)
		}
	}
	sameSet(t, "options", have, want)
}

// The contract's table of statuses is the program's, to the word.
func TestPageStatuses(t *testing.T) {
	rows := regexp.MustCompile(`(?m)^\| (\d+) \| (.*?) \| (.*?) ?\| (.*?) ?\|`).FindAllStringSubmatch(docPage(t, "contract.md", "<!-- statuses:"), -1)
	if len(rows) != len(status.Table) {
		t.Fatalf("the contract has %d statuses, the program %d", len(rows), len(status.Table))
	}
	for i, s := range status.Table {
		if row := rows[i]; row[1] != strconv.Itoa(s.Status) || row[2] != s.Meaning || row[4] != s.Retry {
			t.Errorf("the contract has %q for status %d, %q", row[1:], s.Status, s.Meaning)
		}
		sameSet(t, "CODEs of status "+strconv.Itoa(s.Status), strings.FieldsFunc(rows[i][3], notInCode), s.Codes)
	}
}

func notInCode(r rune) bool { return r != '-' && (r < 'a' || r > 'z') }

// Every CODE that the program can say stands in the table, with its status.
func TestCodesHaveStatuses(t *testing.T) {
	listed := map[string]bool{}
	for _, s := range status.Table {
		for _, code := range s.Codes {
			listed[code] = true
		}
	}
	said := literals(t, func(n ast.Node) ast.Expr {
		switch n := n.(type) {
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Code" {
				return n.Value
			}
		case *ast.AssignStmt:
			if field, ok := n.Lhs[0].(*ast.SelectorExpr); ok && field.Sel.Name == "Code" {
				return n.Rhs[0]
			}
		case *ast.CallExpr:
			if name, ok := n.Fun.(*ast.Ident); ok && name.Name == "fail" {
				return n.Args[1]
			}
		}
		return nil
	})
	if len(said) < 10 {
		t.Errorf("only %d CODEs were found in the sources: %q", len(said), said)
	}
	for _, code := range said {
		if !listed[code] {
			t.Errorf("CODE %s is in no row of the table of statuses", code)
		}
	}
}

// Each CODE of the table of statuses is explained, and no other.
func TestCodesAreExplained(t *testing.T) {
	var have, want []string
	for _, code := range status.Codes {
		have = append(have, code.Name)
	}
	for _, s := range status.Table {
		want = append(want, s.Codes...)
	}
	sameSet(t, "CODEs", have, want)
}

// The help, the contract and the program have the same keywords on the control
// channel, both ways.
func TestKeywords(t *testing.T) {
	said := literals(t, func(n ast.Node) ast.Expr {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return nil
		}
		method, ok := call.Fun.(*ast.SelectorExpr)
		switch {
		case ok && isNotices(method.X):
			return nil // lines for people
		case ok && (method.Sel.Name == "Say" || method.Sel.Name == "SayText"):
			return call.Args[0]
		case ok && method.Sel.Name == "HandOver":
			return call.Args[1]
		}
		return nil
	})
	for _, fact := range (&facts.Facts{State: &engine.State{ECH: true}}).Negotiated() {
		said = append(said, fact[0])
	}
	said = append(said, "lost") // package status's own
	for what, text := range map[string]string{"help": helpControl, "contract.md": docPage(t, "contract.md", "<!-- keywords: a test compares this list with the program's -->")} {
		// Lines with a keyword at their beginning are indented, and have their
		// explanation behind two spaces.
		var described []string
		for line := range strings.Lines(text) {
			if entry := strings.TrimLeft(line, " "); entry != line {
				signature, note, _ := strings.Cut(strings.TrimSpace(entry), "  ")
				described = append(described, strings.FieldsFunc(signature+" "+noteKeywords(note), notInCode)...)
			}
		}
		for _, keyword := range said {
			if !slices.Contains(described, keyword) {
				t.Errorf("%s: there is nothing on the keyword %s", what, keyword)
			}
		}
		for _, match := range regexp.MustCompile(`(?m)^ +([a-z-]+) `).FindAllStringSubmatch(text, -1) {
			if !slices.Contains(said, match[1]) {
				t.Errorf("%s: the program never says %s", what, match[1])
			}
		}
	}
}

// noteKeywords are the keywords of a note such as "and group, signature", or
// "or: unverified CODE".
func noteKeywords(note string) string {
	for _, prefix := range []string{"and ", "or: "} {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(note), prefix); ok {
			return rest
		}
	}
	return ""
}

// isNotices tells whether a method's receiver is a listener's notices.
func isNotices(receiver ast.Expr) bool {
	field, ok := receiver.(*ast.SelectorExpr)
	return ok && field.Sel.Name == "notices"
}

// literals are the strings that are written in the program's sources, tests
// aside, in the places that where finds.
func literals(t *testing.T, where func(ast.Node) ast.Expr) (all []string) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, _ os.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := syntax.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if literal, ok := where(n).(*ast.BasicLit); ok {
				text, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, text)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func sameSet(t *testing.T, what string, have, want []string) {
	t.Helper()
	for _, w := range want {
		if !slices.Contains(have, w) {
			t.Errorf("%s: the page lacks %s", what, w)
		}
	}
	for _, h := range have {
		if !slices.Contains(want, h) {
			t.Errorf("%s: the page has %s, and the program does not", what, h)
		}
	}
}

// The help has the contract's forms, of which it lacked PROG.
func TestHelpForms(t *testing.T) {
	n := 0
	for line := range strings.Lines(docPage(t, "contract.md", "## 1. Forms")) {
		if form, ok := strings.CutPrefix(line, "    tlsify "); ok {
			n++
			if have := strings.ReplaceAll(helpOverview, " ARG...", ""); !strings.Contains(have, "\n  tlsify "+strings.ReplaceAll(form, " ARG...", "")) {
				t.Errorf("tlsify help has no %s", form)
			}
		}
	}
	if n < 8 {
		t.Errorf("the contract has %d forms", n)
	}
}

// The contract and the manual page name every variable that PROG is given, and no other.
func TestPageVariables(t *testing.T) {
	want := []string{"TLSIFY_ENGINE"} // which is read
	for _, name := range facts.ProgramVariables() {
		if strings.HasPrefix(name, "TLSIFY_") {
			want = append(want, name)
		}
	}
	for _, page := range []string{"contract.md", "tlsify.1"} {
		text, err := os.ReadFile("../../doc/" + page)
		if err != nil {
			t.Fatal(err)
		}
		have := regexp.MustCompile(`TLSIFY_[A-Z_]+`).FindAllString(string(text), -1)
		slices.Sort(have)
		sameSet(t, "variables of "+page, slices.Compact(have), want)
	}
}

// The recipes list every program whose place tlsify can take.
func TestRecipesPersonalities(t *testing.T) {
	text, err := os.ReadFile("../../doc/recipes.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## In the place of another program")
	var have []string
	for _, row := range regexp.MustCompile(`(?m)^\| (\x60.*?) \|`).FindAllStringSubmatch(table, -1) {
		for _, name := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			have = append(have, name[1])
		}
	}
	sameSet(t, "personalities", have, personality.Names())
}

// Every test that SECURITY.md names is there.
func TestSecurityNamesTests(t *testing.T) {
	text, err := os.ReadFile("../../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	filepath.WalkDir("../..", func(path string, _ os.DirEntry, _ error) error {
		if strings.HasSuffix(path, "_test.go") {
			content, _ := os.ReadFile(path)
			all.Write(content)
		}
		return nil
	})
	names := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`").FindAllStringSubmatch(string(text), -1)
	for _, name := range names {
		if !strings.Contains(all.String(), "func "+name[1]+"(") {
			t.Errorf("there is no %s", name[1])
		}
	}
	if len(names) == 0 {
		t.Error("SECURITY.md names no test")
	}
	// Nor is there a promise without one, in bold, or as a line of the table.
	_, promised, _ := strings.Cut(string(text), "## What is promised\n")
	promised, _, ok := strings.Cut(promised, "\n## ")
	promises := regexp.MustCompile(`(?m)^\*\*`).Split(promised, -1)
	if len(promises) < 10 || !ok {
		t.Fatalf("SECURITY.md has only %d promises", len(promises))
	}
	for _, promise := range promises[1:] {
		if !strings.Contains(promise, "`Test") && !strings.Contains(promise, "`make ") {
			t.Errorf("SECURITY.md names no test of this: **%.80s", promise)
		}
		for line := range strings.Lines(promise) {
			cells := strings.Split(line, "|")
			if len(cells) == 5 && !regexp.MustCompile("`Test|the same|tested by|---").MatchString(cells[3]) {
				t.Errorf("SECURITY.md names no test of this: %s", line)
			}
		}
	}
}
