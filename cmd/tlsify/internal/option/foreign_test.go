package option

import (
	"slices"
	"strings"
	"testing"
)

var ours = []string{"name", "trust", "pin", "cert", "key", "connect-timeout", "idle-timeout", "min-security", "verbose", "eof", "net-fd"}

func TestAnswer(t *testing.T) {
	for argument, want := range map[string]string{
		"-k":                      "--trust none --pin",
		"--insecure":              "--trust none --pin",
		"--cacert":                "--trust FILE",
		"--cacert=ca.pem":         "--trust FILE",
		"-CAfile":                 "--trust FILE",
		"-servername":             "--sni",
		"-connect":                "tlsify HOST:PORT",
		"-showcerts":              "tlsify inspect",
		"--resolve":               "--name NAME",
		"--connect-to":            "--name NAME",
		"--tls13":                 "--min-security tls13",
		"-brief":                  "-v",
		"--pinnedpubkey":          "--pin",
		"--curves":                "--groups",
		"-cert":                   "two dashes: --cert",
		"--trsut":                 "did you mean --trust?",
		"-x509_strict":            "always checked",
		"--bind":                  "--net-fd",
		"-p":                      "tlsify HOST:PORT",
		"-u":                      "no HTTP",
		"--client":                "tlsify HOST:PORT",
		"-ct":                     "not checked",
		"--nam":                   "did you mean --name?",
		"--conect-timeout":        "did you mean --connect-timeout?",
		"--min-security-level":    "did you mean --min-security?",
		"--insecur":               "like --insecure: the certificate is always checked",
		"--verifyy":               "like --verify: the certificate is always checked",
		"-showcert":               "tlsify inspect",
		"--foo":                   "",
		"-xyz":                    "",
		"--something-else":        "",
		"--":                      "",
		"-":                       "",
		strings.Repeat("-x", 1e6): "",
	} {
		if got := Answer(Connect, argument, ours); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%.40s: %q", argument, got)
		}
	}
}

// A server's side was told that certificates are always checked, and they are a
// client's, which nobody asks for by itself.
func TestAnswerOfAServer(t *testing.T) {
	for argument, want := range map[string]string{
		"--verify":                "--client-auth require",
		"-Verify":                 "--client-auth require",
		"--ssl-verify":            "--client-auth require",
		"--verifyy":               "like --verify: clients",
		"-CAfile":                 "--client-trust FILE",
		"--CAfile":                "--client-trust FILE",
		"-p":                      "tlsify listen HOST:PORT",
		"--connect":               "PROG",
		"--tls13":                 "--min-security tls13",
		"-cert":                   "two dashes: --cert",
		strings.Repeat("-x", 1e6): "",
	} {
		for _, form := range []Form{Accept, Listen} {
			if got := Answer(form, argument, ours); !strings.Contains(got, want) || (want == "") != (got == "") {
				t.Errorf("%s %.40s: %q", form, argument, got)
			}
		}
	}
}

// What a server's side is answered with is no option that it does not have: of many it
// was told the client's, which is an error once more.
func TestAnswersOfAServerAreItsOwn(t *testing.T) {
	for _, a := range answers {
		for typed := range strings.FieldsSeq(a.options) {
			for _, form := range []Form{Accept, Listen} {
				answer := Answer(form, typed, nil)
				if strings.Contains(answer, "tlsify inspect") {
					continue // which is another form
				}
				for _, o := range Table {
					if !strings.Contains(o.Forms, FormLetters[form]) && slices.Contains(strings.FieldsFunc(answer, notOfOption), "--"+o.Name) {
						t.Errorf("%s %s: %s", form, typed, answer)
					}
				}
			}
		}
	}
}

// notOfOption tells whether no option has a character in its name.
func notOfOption(r rune) bool { return r != '-' && (r < 'a' || r > 'z') }

// Each option has one answer, and a server's side at most one of its own; there are
// enough of them.
func TestAnswersAreWhole(t *testing.T) {
	wholeAnswers(t, serving, 20)
	wholeAnswers(t, answers, 50)
}

func wholeAnswers(t *testing.T, all []answer, least int) {
	t.Helper()
	seen := map[string]bool{}
	for _, a := range all {
		if a.text == "" || strings.ContainsAny(a.text, "\n%") {
			t.Errorf("%q: %q", a.options, a.text)
		}
		for option := range strings.FieldsSeq(a.options) {
			if seen[option] || !strings.HasPrefix(option, "-") {
				t.Errorf("%s is there twice, or is no option", option)
			}
			seen[option] = true
		}
	}
	if len(seen) < least {
		t.Errorf("only %d options have an answer", len(seen))
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"ab", "ba", 1}, {"kitten", "sitting", 3}, {"trust", "trsut", 1}, {"abc", "abc", 0}} {
		if got := distance(c.a, c.b); got != c.want || distance(c.b, c.a) != got {
			t.Errorf("%s, %s: %d", c.a, c.b, got)
		}
	}
}
