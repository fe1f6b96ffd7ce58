package facts

import (
	"strings"
	"testing"
	"time"

	"tlsify/engine"
)

// One day is a day in what -v says, too.
func TestForPeopleDays(t *testing.T) {
	for left, want := range map[int]string{0: "(0 days left)", 1: "(1 day left)", 2: "(2 days left)"} {
		expires := time.Now().Add(time.Duration(left)*24*time.Hour + time.Minute)
		f := &Facts{Verified: []Ground{{"trust", "CN=root"}}, State: &engine.State{}, expires: expires}
		if said := strings.Join(f.ForPeople(""), "\n"); !strings.Contains(said, want) {
			t.Errorf("%d days: %s", left, said)
		}
	}
}
