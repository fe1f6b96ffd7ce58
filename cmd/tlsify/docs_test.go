package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tlsify/cmd/tlsify/internal/personality"
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
	for _, o := range options {
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
	if len(rows) != len(statuses) {
		t.Fatalf("the contract has %d statuses, the program %d", len(rows), len(statuses))
	}
	for i, s := range statuses {
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
	for _, s := range statuses {
		for _, code := range s.Codes {
			listed[code] = true
		}
	}
	for _, source := range sources(t) {
		for _, match := range regexp.MustCompile(`(?:fail\([a-zA-Z]+, |Code: |Code = )"([a-z-]+)"`).FindAllStringSubmatch(source, -1) {
			if !listed[match[1]] {
				t.Errorf("CODE %s is in no row of the table of statuses", match[1])
			}
		}
	}
	for _, code := range faultCodes {
		if !listed[code] {
			t.Errorf("CODE %s is in no row of the table of statuses", code)
		}
	}
}

// The help, the contract and the program have the same keywords on the control
// channel, both ways.
func TestKeywords(t *testing.T) {
	var said []string
	for _, source := range sources(t) {
		for _, match := range regexp.MustCompile(`\.(?:Say(?:Text)?\(|HandOver\(n, )"([a-z-]+)"`).FindAllStringSubmatch(source, -1) {
			said = append(said, match[1])
		}
	}
	for _, fact := range (&facts{state: &engine.State{ECH: true}}).negotiated() {
		said = append(said, fact[0])
	}
	said = append(said, "lost") // package control's own
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

// sources are the program's own files, and not its tests.
func sources(t *testing.T) (all []string) {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(text))
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
}
