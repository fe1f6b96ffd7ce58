package status

import (
	"strings"
	"testing"
)

func TestCodes(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range Codes {
		if seen[c.Name] || !strings.HasSuffix(c.Means, ".") || !strings.HasSuffix(c.Do, ".") && !strings.HasSuffix(c.Do, "?") {
			t.Errorf("%s: twice, or no sentences: %q %q", c.Name, c.Means, c.Do)
		}
		seen[c.Name] = true
		if found, ok := Explain(c.Name); !ok || found != c {
			t.Errorf("%s is not found", c.Name)
		}
	}
	if _, ok := Explain("no-such-code"); ok {
		t.Error("what is none is found")
	}
}
