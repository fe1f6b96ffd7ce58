package main

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"tlsify/cmd/tlsify/internal/invocation"

	"github.com/rogpeppe/go-internal/testscript"
)

// A scriptGap is a scenario that cannot pass with an engine, because of
// something that the engine is known not to have. It must then fail: one that
// passes, like one that fails and is not listed, is an error.
type scriptGap struct {
	engine, script, reason string
}

const (
	clientOnly = "it has no server's side"
	tls13Only  = "it has no TLS 1.2"
)

var scriptGaps = []scriptGap{
	{"utls", "client_auth", clientOnly},
	{"utls", "client_auth_tls12", clientOnly},
	{"utls", "session_certificates_by_name", clientOnly},
	{"utls", "exec_ncat", clientOnly},
	{"utls", "interop_curl", clientOnly},
	{"utls", "interop_gnutls_client", clientOnly},
	{"utls", "interop_ncat_client", clientOnly},
	{"utls", "interop_openssl_certificates", clientOnly},
	{"utls", "interop_openssl_client", clientOnly},
	{"utls", "interop_session_clients", clientOnly},
	{"utls", "interop_socat_client", clientOnly},
	{"utls", "interop_stunnel_client", clientOnly},
	{"pq", "client_auth_tls12", tls13Only},
	{"pq", "client_cert_tls12", tls13Only},
	{"pq", "fault_name_not_checked_tls12", tls13Only},
	{"pq", "session_hung_up_tls12", tls13Only},
	{"pq", "session_refused_tls12", tls13Only},
	{"pq", "trust_min_security_tls12", tls13Only},
}

// TestScriptsByEngine is TestScript and TestInterop again, for each engine of
// the build that is not the default. Where the engine has no server's side,
// scenarios with both sides have the default one for their listeners.
func TestScriptsByEngine(t *testing.T) {
	for _, gap := range scriptGaps {
		if _, err := os.Stat(filepath.Join("testdata", "script", gap.script+".txtar")); err != nil {
			t.Errorf("a gap without a scenario: %v", err)
		}
	}
	for _, e := range built()[1:] {
		t.Run(e.Name(), func(t *testing.T) {
			env := []string{"TLSIFY_ENGINE=" + e.Name(), "ENGINE=" + e.Name()}
			if !invocation.Serves(e) {
				env = append(env, "LISTENER_ENGINE="+built()[0].Name())
			}
			t.Run("script", func(t *testing.T) { runScripts(t, isScenario, env...) })
			for _, version := range []string{"1.2", "1.3"} {
				if version == "1.2" && lacks(e.Name(), tls13Only) {
					continue
				}
				t.Run("tls"+version, func(t *testing.T) { runScripts(t, isInterop, append(env, "TLS="+version, "CHAIN=good")...) })
			}
		})
	}
}

// lacks tells whether the engine has a gap for that reason.
func lacks(engine, reason string) bool {
	for _, gap := range scriptGaps {
		if gap.engine == engine && gap.reason == reason {
			return true
		}
	}
	return false
}

// gapOf is the reason why a scenario cannot pass with an engine, or empty.
func gapOf(engine, script string) string {
	for _, gap := range scriptGaps {
		if gap.engine == engine && gap.script == script {
			return gap.reason
		}
	}
	return ""
}

// scriptT is a testing.T for package testscript. Scenarios that are a gap of the
// engine are run to their failure.
type scriptT struct {
	*testing.T
	engine string
	gap    *scriptOutcome // in a scenario that is a gap
}

type scriptOutcome struct {
	failed  bool
	skipped string
}

func (t scriptT) Verbose() bool { return testing.Verbose() }

func (t scriptT) Run(name string, body func(testscript.T)) {
	t.T.Run(name, func(inner *testing.T) {
		reason := gapOf(t.engine, name)
		if reason == "" {
			body(scriptT{T: inner})
			return
		}
		inner.Attr("gap", reason)
		outcome, done := new(scriptOutcome), make(chan struct{})
		go func() {
			defer close(done)
			body(scriptT{T: inner, gap: outcome})
		}()
		switch <-done; {
		case outcome.skipped != "":
			inner.Skip(outcome.skipped)
		case !outcome.failed:
			inner.Errorf("passes with %s, but stands as a gap: %s", t.engine, reason)
		default:
			inner.Logf("known gap of %s: %s", t.engine, reason)
		}
	})
}

func (t scriptT) FailNow() {
	if t.gap == nil {
		t.T.FailNow()
	}
	t.gap.failed = true
	runtime.Goexit()
}

func (t scriptT) Fatal(args ...any) {
	t.T.Log(args...)
	t.FailNow()
}

func (t scriptT) Skip(args ...any) {
	if t.gap == nil {
		t.T.Skip(args...)
	}
	text := make([]string, len(args))
	for i, arg := range args {
		text[i], _ = arg.(string)
	}
	t.gap.skipped = strings.Join(text, " ")
	runtime.Goexit()
}
