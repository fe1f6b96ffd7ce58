package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tlsify/engine/enginetest"
)

// The scenarios are testdata/script/CATEGORY_case.txtar. Their commands are in
// commands_test.go, and the programs that they start, besides tlsify, in
// witness_test.go and prog_test.go. They find
//
//	$PKI      a directory with ca.pem, other-ca.pem, and CHAIN.pem and CHAIN.key
//	          for every ready-made chain (good, good-rsa, client, expired, ...);
//	          and revoked.crl, which has the leaf of good on it
//	$HOST     what the good chains are for
//	$ENGINE   the engine that tlsify will use
//	$EXAMPLES the directory examples
//
// and, where they begin with interop_, $TLS (1.2 or 1.3) and $CHAIN (good or
// good-rsa): each is run with every pair of these, and can ask for the
// conditions [tls1.2] and [tls1.3]. Every script can ask for [root], and for
// [dropin:NAME], a program that .ci/dropins has put below $DROPINS.

func TestScript(t *testing.T) { runScripts(t, isScenario) }

func TestInterop(t *testing.T) {
	for _, version := range []string{"1.2", "1.3"} {
		for _, chain := range []string{"good", "good-rsa"} {
			t.Run("tls"+version+"-"+chain, func(t *testing.T) {
				runScripts(t, isInterop, "TLS="+version, "CHAIN="+chain)
			})
		}
	}
}

func isInterop(name string) bool  { return strings.HasPrefix(name, "interop_") }
func isScenario(name string) bool { return !isInterop(name) }

// runScripts runs the wanted scenarios with these besides what they all find. One
// of them may be ENGINE, which is the default engine where it is not there.
func runScripts(t *testing.T, wanted func(name string) bool, env ...string) {
	t.Helper()
	all, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, file := range all {
		if wanted(filepath.Base(file)) {
			files = append(files, file)
		}
	}
	pki := pkiFiles(t)
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	engine := built()[0].Name()
	for _, entry := range env {
		if name, ok := strings.CutPrefix(entry, "ENGINE="); ok {
			engine = name
		}
	}
	testscript.RunT(scriptT{T: t, engine: engine}, testscript.Params{
		Files: files,
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, "DROPINS="+os.Getenv("TLSIFY_DROPINS"), "EXAMPLES="+examples, "PKI="+pki, "HOST="+enginetest.Host, "LC_ALL=C", "ENGINE="+engine)
			e.Vars = append(e.Vars, env...)
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Getuid() == 0, nil
			}
			if program, ok := strings.CutPrefix(name, "dropin:"); ok {
				_, err := os.Stat(filepath.Join(os.Getenv("TLSIFY_DROPINS"), program))
				return os.Getenv("TLSIFY_DROPINS") != "" && err == nil, nil
			}
			if engine, ok := strings.CutPrefix(name, "engine:"); ok {
				return slices.Contains(env, "ENGINE="+engine), nil
			}
			for _, entry := range env {
				if version, ok := strings.CutPrefix(entry, "TLS="); ok {
					return name == "tls"+version, nil
				}
			}
			return false, fmt.Errorf("there is no condition %q", name)
		},
		Cmds:               commands(t),
		Deadline:           time.Now().Add(30 * patience), // of all of them, on a busy machine
		RequireUniqueNames: true,
	})
}

// pkiFiles is a directory with the whole test PKI. It goes when the process
// does.
func pkiFiles(t testing.TB) string {
	t.Helper()
	pkiOnce.Do(func() {
		// TestMain removes the directory that tlsify is in.
		program, err := exec.LookPath("tlsify")
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(filepath.Dir(program), "pki")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		set := enginetest.PKI(t)
		for name, authority := range map[string]*enginetest.Authority{"ca": set.Root, "other-ca": set.Other} {
			if err := os.WriteFile(filepath.Join(dir, name+".pem"), authority.PEM(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		crl, err := set.Intermediate.CRL(enginetest.Chain(t, "good").Leaf.SerialNumber)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "revoked.crl"), crl, 0o644); err != nil {
			t.Fatal(err)
		}
		enginetest.WriteFiles(t, enginetest.Chain(t, "client"), dir, "client")
		for _, c := range enginetest.Cases() {
			enginetest.WriteFiles(t, enginetest.Chain(t, c.Name), dir, c.Name)
		}
		pkiDir = dir
	})
	return pkiDir
}

var (
	pkiOnce sync.Once
	pkiDir  string
)
