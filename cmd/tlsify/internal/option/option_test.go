package option

import (
	"strings"
	"testing"
)

// No option of ours is answered as another program's, long or short, and the
// answers name only options that there are.
func TestForeignOptions(t *testing.T) {
	for _, o := range Table {
		for _, typed := range []string{"--" + o.Name, "-" + o.Short} {
			for _, form := range []Form{Connect, Listen} {
				if answer := Answer(form, typed, nil); answer != "" && typed != "-" {
					t.Errorf("%s is ours, and answered with %q", typed, answer)
				}
			}
		}
	}
}

// What stands before an unknown option does not hide it.
func TestUnknown(t *testing.T) {
	for line, want := range map[string]string{
		"connect --trust system -CAfile ca.pem host:1": "unknown option -CAfile: here it is --trust FILE",
		"-4k host:1":                  "unknown option -4k: ",
		"--name -k --insecure host:1": "unknown option --insecure: the certificate is always checked",
		"listen --no-such-thing":      "unknown option --no-such-thing: see tlsify help",
		"listen --verify 2 :1":        "unknown option --verify: clients are asked for a certificate by --client-auth require",
		"-servername a host:1":        "unknown option -servername: ",
		"--max-time 3 host:1":         "unknown option --max-time: here it is --timeout TIME",
	} {
		if _, err := Split(strings.Fields(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", line, err)
		}
	}
}
