package verify

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/publicsuffix"
)

// TestPublicSuffix has isPublicSuffix agree with the package that the list is from,
// about each suffix, what is above it, and what is below it.
func TestPublicSuffix(t *testing.T) {
	_, rules, ok := strings.Cut(suffixes, "\n\n")
	list := strings.Split(strings.TrimSuffix(rules, "\n"), "\n")
	if !ok || len(list) < 6000 || !slices.IsSorted(list) {
		t.Fatalf("%d suffixes, sorted: %v", len(list), slices.IsSorted(list))
	}
	list = append(list, "", "localhost", "example.com", "nowhere.invalid", "s3.amazonaws.com", "github.io", "blogspot.com",
		"compute.amazonaws.com", "eu-west-1.compute.amazonaws.com", "xn--p1ai", "co.uk", "uk", "com.", ".com", "*.com", "COM", "!ck")
	public := 0
	for _, rule := range list {
		domain := strings.TrimLeft(rule, "!*.")
		_, parent, _ := strings.Cut(domain, ".")
		for _, domain := range []string{rule, domain, parent, "a." + domain, "a.b." + domain, "www." + domain} {
			if strings.Contains(domain, "..") || strings.HasPrefix(domain, ".") || strings.HasSuffix(domain, ".") || strings.ContainsAny(domain, "!*") || domain == "" {
				isPublicSuffix(domain) // ends
				continue
			}
			suffix, icann := publicsuffix.PublicSuffix(domain)
			// The package does not count those that it knows only by others.
			top := !strings.Contains(domain, ".") && has(rules, domain)
			want := icann && suffix == domain || top
			if got := isPublicSuffix(domain); got != want {
				t.Errorf("%s: %v, want %v", domain, got, want)
			}
			if want {
				public++
			}
		}
	}
	if public < 6000 {
		t.Errorf("only %d public suffixes", public)
	}
}

// TestSuffixesAreCurrent fails where the package has a newer list.
func TestSuffixesAreCurrent(t *testing.T) {
	dir, err := exec.Command("go", "list", "-f", "{{.Dir}}", "golang.org/x/net/publicsuffix").Output()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(strings.TrimSpace(string(dir)), "table_test.go")); err != nil {
		t.Skip("needs golang.org/x/net with its tests, which a vendored copy has not")
	}
	run := exec.Command("go", "run", "../.ci/suffixes.go")
	run.Stderr = os.Stderr
	made, err := run.Output()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(made, []byte(suffixes)) {
		t.Error("verify/suffixes.txt is not what `make suffixes` writes")
	}
}
