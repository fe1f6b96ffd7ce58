package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"tlsify/cmd/tlsify/internal/option"
)

// refusedValues are values with which an accept can't be, by option. What is not
// here is no option of an accept, or takes no value.
var refusedValues = map[string]string{
	"pin": "FILE", "crl": "FILE", "mtc-cosigners": "1 FILE", "mtc-landmarks": "FILE", "min-security": "high",
	"cert": "FILE", "key": "FILE", "staple-file": "FILE", "client-auth": "bogus", "client-trust": "FILE",
	"engine": "none", "groups": "none", "signatures": "none", "alpn": ",", "ticket-key": "FILE", "ech-key": "FILE", "psk": "FILE", "binding": "none", "keylog": "FILE/log",
	"net-fd": "none", "control-fd": "99", "options-fd": "99", "handoff": "none", "prog-fds": "2,2",
	"handshake-timeout": "0", "idle-timeout": "0", "timeout": "0", "linger": "0", "eof": "none", "eof-wait": "0", "pump": "none", "sandbox": "none",
}

// A server's signer that is a command was started, and waited for, before a
// mistake behind it was refused; and a key log was made. Whatever the mistake is,
// nothing is started or made.
func TestNothingIsStartedForARefusal(t *testing.T) {
	pki := pkiFiles(t)
	for _, o := range option.Table {
		if o.Arg == "" || !o.IsFor(option.Accept) {
			continue
		}
		value, ok := refusedValues[o.Name]
		if !ok {
			t.Errorf("there is no refused value for --%s", o.Name)
			continue
		}
		t.Run(o.Name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			args := []string{"accept", "--cert", pki + "/good.pem", "--key", "signer:touch " + dir + "/started; exec cat >/dev/null"}
			if o.Name != "keylog" {
				args = append(args, "--keylog", dir+"/log")
			}
			if slices.Contains([]string{"pin", "crl", "client-trust", "mtc-cosigners", "mtc-landmarks"}, o.Name) {
				args = append(args, "--client-auth", "require", "--client-trust", pki+"/ca.pem")
			}
			args = append(args, "--"+o.Name, strings.ReplaceAll(value, "FILE", dir+"/missing"))
			switch o.Name {
			case "cert":
				args = append(args, "--key", pki+"/good.key")
			case "key":
				args = append(args, "--cert", pki+"/good.pem")
			}
			l := newLaunch(t)
			l.quietly()
			l.socket(0)
			tlsify := l.start(append(args, "--", "true")...)
			if exit := tlsify.wait(); exit != 101 {
				t.Errorf("status %d", exit)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("%v was made, %v; descriptor 2: %q", left, err, l.err.text())
			}
		})
	}
}
