package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"tlsify/cmd/tlsify/internal/option"
	"tlsify/cmd/tlsify/internal/personality"
	"tlsify/cmd/tlsify/internal/status"
)

// update has the tests write what in doc/ comes from the program's tables.
var update = flag.Bool("update", false, "write the generated parts of doc/")

const manual = "../../doc/tlsify.1"

// generated are the parts of the manual page that are the program's tables.
var generated = map[string]func() string{
	"options":  manualOptions,
	"keywords": manualKeywords,
	"statuses": manualStatuses,
	"codes":    manualCodes,
	"names":    manualNames,
}

// checkGenerated compares a file with what it must be, or writes it.
func checkGenerated(t *testing.T, path, want string) {
	t.Helper()
	have, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if string(have) == want {
		return
	}
	if !*update {
		t.Fatalf("%s is not what the program's tables say: make docs writes it", strings.TrimPrefix(path, "../../"))
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The manual page has every option, keyword, CODE and status, as the program
// has them.
func TestManual(t *testing.T) {
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for name, table := range generated {
		begin, end := `.\" generated: `+name+"\n", `.\" end`+"\n"
		before, rest, ok := strings.Cut(page, begin)
		_, after, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Fatalf("the manual page has no place for %s", name)
		}
		page = before + begin + table() + end + after
	}
	checkGenerated(t, manual, page)
}

// The hand-written rest of the manual page has the forms of the command, and the
// commands of the control channel.
func TestManualForms(t *testing.T) {
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range option.Forms {
		if !strings.Contains(string(text), "\n.It Cm "+string(f)+"\n") {
			t.Errorf("the manual page does not say what %s is", f)
		}
	}
	for _, command := range []string{"trust Ar pin", "close ,", "rekey ,"} { // contract, 6.12
		if !strings.Contains(string(text), "\n.Cm "+command+"\n") {
			t.Errorf("the manual page does not say what the command %s is", command)
		}
	}
	synopsis, _, _ := strings.Cut(string(text), "\n.Sh DESCRIPTION\n")
	for _, o := range option.Table {
		if o.Forms == option.FormLetters[option.Fingerprint] && (!strings.Contains(synopsis, "Fl Fl "+o.Name+" ") || !strings.Contains(helpOverview, "--"+o.Name+" ")) {
			t.Errorf("the synopsis of the manual page, or of tlsify help, lacks --%s", o.Name)
		}
	}
}

// mandoc has nothing to say against the manual page.
func TestManualLint(t *testing.T) {
	if _, err := exec.LookPath("mandoc"); err != nil {
		t.Skip("needs mandoc")
	}
	out, err := exec.Command("mandoc", "-T", "lint", "-W", "warning", manual).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
	shown, err := exec.Command("mandoc", "-T", "ascii", manual).Output()
	if err != nil {
		t.Fatal(err)
	}
	plain := regexp.MustCompile(".\b").ReplaceAllString(string(shown), "")
	for _, o := range option.Table {
		if !strings.Contains(plain, "--"+o.Name) {
			t.Errorf("the page as it is shown has no --%s", o.Name)
		}
	}
}

// man-db shows the page with the right title, lists as lists, and no CODE broken at
// the end of a line.
func TestManualShown(t *testing.T) {
	for _, tool := range []string{"man", "groff"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("needs " + tool)
		}
	}
	cmd := exec.Command("man", "-l", manual)
	cmd.Env = append(os.Environ(), "MANWIDTH=80", "LC_ALL=C.UTF-8", "MANPAGER=cat")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	page := regexp.MustCompile("\x1b\\[[0-9;]*m|.\b").ReplaceAllString(string(out), "")
	title, _, _ := strings.Cut(page, "\n")
	if got := strings.Fields(title); strings.Join(got, " ") != "TLSIFY(1) General Commands Manual TLSIFY(1)" {
		t.Errorf("the title is %q", title)
	}
	const indent = `(?m)^ {5}(?:  )?` // groff 1.23, as of Debian 13, indents by 7
	for _, c := range status.Codes {
		if !regexp.MustCompile(indent + c.Name + `( |$)`).MatchString(page) {
			t.Errorf("%s is no item of a list", c.Name)
		}
	}
	for _, name := range personality.Names() {
		if !regexp.MustCompile(indent + `.   ` + name + `$`).MatchString(page) {
			t.Errorf("%s is no item of a list", name)
		}
	}
}

// mdoc makes a line of running text safe: no macro at its beginning, no escape
// in it, and each sentence a line of its own.
func mdoc(text string) string {
	text = strings.NewReplacer(`\`, `\e`, ". ", ".\n").Replace(text)
	var lines []string
	for sentence := range strings.Lines(text) {
		for _, line := range wrap(sentence, 76) {
			if line[0] == '.' || line[0] == '\'' {
				line = `\&` + line
			}
			lines = append(lines, line+"\n")
		}
	}
	return strings.Join(lines, "")
}

func manualOptions() string {
	var b strings.Builder
	b.WriteString(".Bl -tag -width Ds\n")
	for _, o := range option.Table {
		b.WriteString(".It ")
		if o.Short != "" {
			fmt.Fprintf(&b, "Fl %s , ", o.Short)
		}
		fmt.Fprintf(&b, "Fl Fl %s", o.Name)
		if o.Arg != "" {
			fmt.Fprintf(&b, " Ar %s", o.Arg)
		}
		var of []string
		for _, f := range option.Forms {
			if strings.Contains(o.Forms, option.FormLetters[f]) {
				of = append(of, string(f))
			}
		}
		fmt.Fprintf(&b, "\n%s", mdoc(upperFirst(strings.TrimSuffix(o.Help, ".")+".")))
		repeats := ""
		if o.Repeats {
			repeats = "; repeatable"
		}
		fmt.Fprintf(&b, "(%s%s)\n", strings.Join(of, ", "), repeats)
	}
	b.WriteString(".El\n")
	return b.String()
}

func upperFirst(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// manualKeywords makes a list of the lines of the help on the control channel.
func manualKeywords() string {
	var b strings.Builder
	b.WriteString(".Bl -tag -width Ds\n")
	for line := range strings.Lines(helpControl) {
		entry, indented := strings.CutPrefix(line, "  ")
		if !indented {
			continue
		}
		signature, note, _ := strings.Cut(strings.TrimSpace(entry), "  ")
		fmt.Fprintf(&b, ".It Li %s\n", strings.ReplaceAll(signature, ", ", " , "))
		if note = strings.TrimSpace(note); note != "" {
			b.WriteString(mdoc(upperFirst(note) + "."))
		}
	}
	b.WriteString(".El\n")
	return b.String()
}

func manualStatuses() string {
	var b strings.Builder
	b.WriteString(".Bl -tag -width Ds\n")
	for _, s := range status.Table {
		fmt.Fprintf(&b, ".It %d\n%s", s.Status, mdoc(upperFirst(strings.ReplaceAll(s.Meaning, "`", ""))+"."))
		if len(s.Codes) > 0 {
			// No word of these is broken at the end of a line.
			codes := mdoc("CODEs: " + strings.Join(s.Codes, ", ") + ".")
			b.WriteString(regexp.MustCompile(`(^|[ \n])([a-z])`).ReplaceAllString(codes, `$1\%$2`))
		}
		if s.Retry != "" && s.Retry != "no" {
			fmt.Fprintf(&b, "To try again helps %s.\n", s.Retry)
		}
	}
	b.WriteString(".El\n")
	return b.String()
}

// manualCodes explains every CODE.
func manualCodes() string {
	var b strings.Builder
	b.WriteString(".Bl -tag -width Ds\n")
	for _, c := range status.Codes {
		fmt.Fprintf(&b, ".It Li %s\n%s", c.Name, mdoc(c.Means+" "+c.Do))
	}
	b.WriteString(".El\n")
	return b.String()
}

// manualNames lists the programs whose place we can take.
func manualNames() string {
	var b strings.Builder
	b.WriteString(".Bl -bullet -compact\n")
	for _, name := range personality.Names() {
		fmt.Fprintf(&b, ".It\n.Cm %s\n", name)
	}
	b.WriteString(".El\n")
	return b.String()
}
