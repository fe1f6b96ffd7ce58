package enginetest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"tlsify/engine"
)

// writing is set by `make engines`: what ENGINES.md says is then written, and
// not compared.
const writing = "TLSIFY_WRITE_ENGINES"

// A Result is what a run of the suite has shown.
type Result struct {
	engine engine.Engine
	tests  []test
	gaps   []Gap
	passed map[string]bool // by the test's name; one that is a gap has not
	whole  bool            // every test was run, and none has failed but the gaps
}

// Document compares ENGINES.md with the result: the column called name in the
// table of abilities, and the block "engine NAME", which leaves out the gaps that
// are known from elsewhere. It says nothing where only some of the tests were
// run, or where some have failed.
func (r *Result) Document(t *testing.T, name string, elsewhere ...Gap) {
	t.Helper()
	if !r.whole {
		t.Log("not every test was run: ENGINES.md is not compared")
		return
	}
	column(t, name, r.lines())
	Block(t, "engine "+name, r.groupList()+r.gapList(elsewhere))
}

// groupList names the groups that can be asked for by name.
func (r *Result) groupList() string {
	if !r.passed["client/tls13/groups"] {
		return ""
	}
	names, defaults := r.engine.Groups()
	text := "Groups: " + strings.Join(names[:defaults], ", ")
	if defaults < len(names) {
		text += "; by name only " + strings.Join(names[defaults:], ", ")
	}
	return text + ".\n\n"
}

// gapList has a line for every reason, with the tests that it is the reason of.
func (r *Result) gapList(elsewhere []Gap) string {
	var reasons []string
	tests := map[string][]string{}
	for _, g := range r.gaps {
		if slices.Contains(elsewhere, g) {
			continue
		}
		if tests[g.Reason] == nil {
			reasons = append(reasons, g.Reason)
		}
		if name := "`" + r.short(g.Test) + "`"; !slices.Contains(tests[g.Reason], name) {
			tests[g.Reason] = append(tests[g.Reason], name)
		}
	}
	if len(reasons) == 0 {
		return "No gaps.\n"
	}
	var b strings.Builder
	for _, reason := range reasons {
		fmt.Fprintf(&b, "- %s: %s\n", reason, strings.Join(tests[reason], ", "))
	}
	return b.String()
}

// short is the row's name where the row has failed in every role and version.
func (r *Result) short(name string) string {
	at := slices.IndexFunc(r.tests, func(tt test) bool { return tt.name == name })
	if at < 0 {
		return name
	}
	row := r.tests[at].row
	for _, tt := range r.tests {
		if tt.row == row && r.passed[tt.name] {
			return name
		}
	}
	return row
}

// Block compares the part of ENGINES.md between <!-- NAME --> and <!-- /NAME -->
// with what it should be; `make engines` writes it.
func Block(t *testing.T, name, want string) {
	t.Helper()
	path, text := enginesMD(t)
	before, have, after := cutBlock(t, text, name)
	if have == want {
		return
	}
	if os.Getenv(writing) == "" {
		t.Errorf("ENGINES.md is stale (make engines): %s is\n%s\nand should be\n%s", name, have, want)
		return
	}
	if err := os.WriteFile(path, []byte(before+want+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

// column is Block for one column of the table of abilities.
func column(t *testing.T, name string, want []line) {
	t.Helper()
	const block = "abilities"
	_, text := enginesMD(t)
	_, have, _ := cutBlock(t, text, block)
	Block(t, block, withColumn(have, name, want))
}

// withColumn gives a table with one column exchanged, or added at its end. The
// lines are those of the column, and other columns keep what they say of them.
func withColumn(table, name string, column []line) string {
	names := []string{""}
	old := map[string][]string{} // the other columns' cells, by ability
	for i, text := range strings.Split(strings.TrimSpace(table), "\n") {
		cells := strings.Split(strings.Trim(text, "|"), "|")
		for j := range cells {
			cells[j] = strings.TrimSpace(cells[j])
		}
		if i == 0 && len(cells) > 1 {
			names = cells
		} else {
			old[cells[0]] = cells
		}
	}
	at := slices.Index(names, name)
	if at < 0 {
		at = len(names)
		names = append(names, name)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "|%s|\n%s\n", strings.Join(padded(names), "|"), strings.Repeat("|---", len(names))+"|")
	for _, l := range column {
		cells := make([]string, len(names))
		for i := range cells {
			cells[i] = "?"
		}
		copy(cells, old[l.ability])
		cells[0], cells[at] = l.ability, l.has
		fmt.Fprintf(&b, "|%s|\n", strings.Join(padded(cells), "|"))
	}
	return b.String()
}

func padded(cells []string) []string {
	out := make([]string, len(cells))
	for i, c := range cells {
		out[i] = " " + c + " "
	}
	return out
}

// cutBlock gives the block's content, and what stands before and behind it,
// marks included.
func cutBlock(t *testing.T, text, name string) (before, content, after string) {
	t.Helper()
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	head, rest, ok := strings.Cut(text, begin)
	content, tail, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("ENGINES.md has no block %q", name)
	}
	return head + begin, content, end + tail
}

// enginesMD finds the file beside go.mod.
func enginesMD(t *testing.T) (path, text string) {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("there is no go.mod above")
		}
	}
	path = filepath.Join(dir, "ENGINES.md")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, string(content)
}
