package utls

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

// ENGINES.md says how many fingerprints there are, which of them offer nothing
// above TLS 1.2, and which cannot be used. That all others can is for
// TestProfilesWithOpenSSL and TestProfilesWithNginx to show.
func TestDocumented(t *testing.T) {
	all := Engine{}.Fingerprints()
	var old []string
	for _, name := range all {
		if !offers(t, name, engine.TLS13) {
			old = append(old, name)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "There are %d named fingerprints. With openssl s_server and nginx each makes a\nhandshake, under TLS 1.2 and, where it offers that, TLS 1.3, but\n\n", len(all))
	for _, name := range slices.Sorted(maps.Keys(unusable)) {
		fmt.Fprintf(&b, "- %s: %s.\n", name, unusable[name])
	}
	fmt.Fprintf(&b, "\nNothing above TLS 1.2 is offered by %s.\n", strings.Join(old, ", "))
	enginetest.Block(t, "fingerprints", b.String())
}
