// Package doc has only tests: every block of code on the pages is run, as it
// stands there, or says why not.
package doc

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// A block is a fenced or indented block of code.
type block struct {
	page string
	line int
	text string
}

// begins is what a block is known by: the beginning of its first line.
func (b block) begins(with string) bool { return strings.HasPrefix(b.text, with) }

// blocks takes a page apart.
func blocks(t *testing.T, page string) (all []block) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var current *block
	fenced, before := false, ""
	blank := "" // that an indented block may go on behind
	for i, line := range strings.Split(string(text), "\n") {
		indented, isIndented := strings.CutPrefix(line, "    ")
		switch {
		case strings.HasPrefix(line, "```") && fenced:
			fenced, current = false, nil
		case strings.HasPrefix(line, "```"):
			all = append(all, block{page: page, line: i + 1})
			fenced, current = true, &all[len(all)-1]
		case fenced:
			current.text += line + "\n"
		case isIndented && (current != nil || before == ""):
			if current == nil {
				all = append(all, block{page: page, line: i + 1})
				current = &all[len(all)-1]
			}
			current.text += blank + indented + "\n"
			blank = ""
		case line == "" && current != nil:
			blank += "\n"
		default:
			current, blank = nil, ""
		}
		before = line
	}
	return all
}

// how a block is tried: by a script here, by a test elsewhere, or not, for a
// reason.
type how struct {
	page, begins string
	script       string   // for sh, in a world of its own; the block is in $BLOCK
	tools        []string // that the script needs
	test         string   // the name of a test, or of a scenario of the program
	not          string
}

// Every block is in the list, and everything in the list is a block.
func TestBlocks(t *testing.T) {
	pages := map[string][]block{}
	for _, page := range []string{"../README.md", "recipes.md", "inspect.md", "contract.md", "psk.md", "raw-public-keys.md"} {
		pages[page] = blocks(t, page)
		for _, b := range pages[page] {
			n := 0
			for _, h := range list {
				if h.page == page && b.begins(h.begins) {
					n++
				}
			}
			if n != 1 {
				t.Errorf("%s:%d: the block is tried %d times: say how in list_test.go, or why not\n%s", page, b.line, n, b.text)
			}
		}
	}
	tests := names(t)
	for _, h := range list {
		var found *block
		for i, b := range pages[h.page] {
			if b.begins(h.begins) {
				found = &pages[h.page][i]
			}
		}
		if found == nil {
			t.Errorf("%s has no block that begins with %q", h.page, h.begins)
			continue
		}
		switch {
		case h.test != "" && !tests[h.test]:
			t.Errorf("%s:%d: there is no test %s", h.page, found.line, h.test)
		case h.script != "":
			t.Run(filepath.Base(h.page)+"/"+h.begins, func(t *testing.T) { try(t, h, found.text) })
		case h.test == "" && h.not == "":
			t.Errorf("%s:%d: neither tried nor excused", h.page, found.line)
		}
	}
}

// names are those of all tests and scenarios.
func names(t *testing.T) map[string]bool {
	all := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, entry os.DirEntry, err error) error {
		switch {
		case strings.HasSuffix(path, ".txtar"):
			all[strings.TrimSuffix(filepath.Base(path), ".txtar")] = true
		case strings.HasSuffix(path, "_test.go"):
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, match := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(string(text), -1) {
				all[match[1]] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// tlsify builds the program, with every engine, and tlsify-ech, once.
var tlsify = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "tlsify-pages"); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-buildvcs=false", "-tags", "utls,pq", "-o", dir+"/", "../cmd/tlsify", "../cmd/tlsify-ech")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return dir, &os.PathError{Op: "go build", Path: string(out), Err: err}
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	status := m.Run()
	if dir, _ := tlsify(); dir != "" {
		os.RemoveAll(dir)
	}
	os.Exit(status)
}

// The README counts the peers of the matrix, and the servers of endings.md, as their
// tables have them.
func TestReadmeCounts(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for page, says := range map[string]string{"matrix.md": `, %d versions of them,`, "endings.md": `what %d real servers make`} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		peers := map[string]bool{}
		for _, row := range regexp.MustCompile(`(?m)^\| (.*?) \| 1\.[23] \|`).FindAllStringSubmatch(string(text), -1) {
			peers[row[1]] = true
		}
		if want := fmt.Sprintf(says, len(peers)); !strings.Contains(string(readme), want) {
			t.Errorf("README.md does not say %q, as %s has it", want, page)
		}
	}
}

// The README is a page that is read to its end, and leads to all others.
func TestReadmeIsShort(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "\n"); n > 150 {
		t.Errorf("README.md has %d lines, and may have 150", n)
	}
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		if !strings.Contains(string(text), "(doc/"+page+")") {
			t.Errorf("README.md does not lead to doc/%s", page)
		}
	}
}

// Links from page to page lead somewhere, headings included.
func TestLinks(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob("../*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(append(pages, more...), "../packaging/README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(string(text), -1) {
			link, anchor, _ := strings.Cut(match[1], "#")
			if strings.Contains(link, "://") {
				continue
			}
			target := page
			if link != "" {
				target = filepath.Join(filepath.Dir(page), link)
			}
			content, err := os.ReadFile(target)
			if info, statErr := os.Stat(target); statErr == nil && info.IsDir() {
				err = nil
			}
			if err != nil {
				t.Errorf("%s: %v", page, err)
			} else if anchor != "" && !hasHeading(string(content), anchor) {
				t.Errorf("%s: %s has no heading #%s", page, target, anchor)
			}
		}
	}
}

// hasHeading tells whether a page has the heading that a code host gives such an
// anchor.
func hasHeading(text, anchor string) bool {
	for _, match := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(match[1]), "")
		if strings.ReplaceAll(name, " ", "-") == anchor {
			return true
		}
	}
	return false
}
