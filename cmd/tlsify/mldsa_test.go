package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

// The scenarios of testdata/script/pq are of post-quantum chains, for each
// engine that has them. Besides what all scenarios find there is
//
//	$PQ       a directory with pq-ca.pem and CHAIN.pem and CHAIN.key for every
//	          ready-made chain with post-quantum keys (pq-mldsa65, mixed-client, ...)
//	$ENGINE   the engine's name
//
// and the conditions [utls] and [pq], of what the build has.

func TestPQScript(t *testing.T) {
	pki, pqDir := pkiFiles(t), pqFiles(t)
	has := func(name string) bool {
		return slices.ContainsFunc(built(), func(e engine.Engine) bool { return e.Name() == name })
	}
	for _, e := range built() {
		if e.Name() == "utls" {
			continue // its library has no ML-DSA: ENGINES.md
		}
		t.Run(e.Name(), func(t *testing.T) {
			testscript.Run(t, testscript.Params{
				Dir: "testdata/script/pq",
				Setup: func(env *testscript.Env) error {
					env.Vars = append(env.Vars, "PKI="+pki, "PQ="+pqDir, "HOST="+enginetest.Host, "LC_ALL=C",
						"TLSIFY_ENGINE="+e.Name(), "ENGINE="+e.Name())
					return nil
				},
				Condition:          func(name string) (bool, error) { return has(name), nil },
				Cmds:               commands(t),
				Deadline:           time.Now().Add(3 * patience),
				RequireUniqueNames: true,
			})
		})
	}
}

// pqFiles is a directory with the post-quantum chains.
func pqFiles(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "pq-ca.pem"), enginetest.PQRoots(t), 0o644); err != nil {
		t.Fatal(err)
	}
	names := []string{"pq-client", "mixed-client"}
	for _, c := range enginetest.PQCases() {
		names = append(names, c.Name)
	}
	for _, name := range names {
		enginetest.WriteFiles(t, enginetest.Chain(t, name), dir, name)
	}
	return dir
}
