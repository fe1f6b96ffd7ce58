package main

import (
	"crypto/tls"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// spoilsTrust are about who is believed.
var spoilsTrust = []spoil{
	{"lax-with-paths", "refuse-forged refuse-altered refuse-path-length refuse-no-cert-sign refuse-unknown-critical", func(w *wrapper) { w.isLax() }},
	{"weak-is-untrusted", "refuse-sha1", func(w *wrapper) { w.says("error cert-weak ", "error cert-untrusted ") }},
	{"key-unproved", "other-key", func(w *wrapper) { w.exits(4, 0) }},
	{"no-list", "crl", func(w *wrapper) { w.drop("--crl") }},
	{"refuses-silently", "alerts", func(w *wrapper) {
		if !w.relays() {
			return
		}
		w.line = func(line string) []string {
			if strings.HasPrefix(line, "error ") {
				w.muted.Store(true)
			}
			return []string{line}
		}
	}},
	{"other-store", "trust-system-damaged", func(w *wrapper) {
		w.env = slices.DeleteFunc(w.env, func(e string) bool { return strings.HasPrefix(e, "SSL_CERT_FILE=") })
	}},
	{"pins-the-chain", "trust-none-above", func(w *wrapper) { w.isLax() }},
	{"no-key-files", "pin-key-file", func(w *wrapper) { w.drop("--pin") }},
	{"any-scheme", "names-other-kinds", func(w *wrapper) { w.replaces("uri:https:", "uri:sip:") }},
	{"usage-1-is-3", "tlsa-usages", func(w *wrapper) {
		if strings.HasPrefix(w.option("--tlsa"), "1 ") {
			w.replaces("1 1 1 ", "3 1 1 ")
			w.drop("--trust")
		}
	}},
	{"usage-3-alone", "tlsa-usages", func(w *wrapper) { w.drop("--trust") }},
	{"asks-too-late", "ask-waits", func(w *wrapper) {
		// The question comes when the answer can change nothing.
		if w.has("--ask") {
			w.dropSwitch("--ask")
			w.add("--opportunistic")
			w.line = func(line string) []string {
				if strings.HasPrefix(line, "unverified ") {
					return []string{"ask sha256//x cert-self-signed"}
				}
				if strings.HasPrefix(line, "end ") {
					return []string{"error cert-self-signed x", "end 5"}
				}
				return []string{line}
			}
			w.status = func(int) int { return 5 }
		}
	}},
	{"proxy-unchecked", "proxy-https", func(w *wrapper) {
		proxy, ok := strings.CutPrefix(w.option("--proxy"), "https://")
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if !ok || err != nil {
			return
		}
		w.replaces("https://"+proxy, "http://"+l.Addr().String())
		go func() {
			inner, err := l.Accept()
			if err != nil {
				return
			}
			outer, err := tls.Dial("tcp4", proxy, &tls.Config{InsecureSkipVerify: true})
			if err != nil {
				return
			}
			go io.Copy(outer, inner)
			io.Copy(inner, outer)
			inner.Close()
		}()
	}},
	{"staple-unsigned", "staple-forged", func(w *wrapper) {
		w.drop("--staple")
		w.add("--staple", "off")
	}},
	{"resumed-unjudged", "session-tls12", func(w *wrapper) { w.drop("--pin") }},
	{"session-for-any-client", "session-kept-apart", func(w *wrapper) { w.drop("--cert", "--key") }},
	{"session-kept-behind-alert", "session-alerted", func(w *wrapper) {
		if old, err := os.ReadFile(w.option("--session")); err == nil {
			w.after = func() { os.WriteFile(w.option("--session"), old, 0o600) }
		}
	}},
	{"session-for-all-to-read", "session-private", func(w *wrapper) {
		w.before = func() { unix.Fchmod(7, 0o600) }
	}},
	{"session-over-all", "session-kept-apart", func(w *wrapper) { w.before = func() { os.Truncate(w.option("--session"), 0) } }},
	{"any-name", "refuse-wrong-name", func(w *wrapper) { w.add("--name", "other.tlsify-check.test") }},
	{"lax", "refuse-no-san refuse-untrusted refuse-self-signed refuse-expired refuse-not-yet-valid refuse-client refuse-constraint refuse-below-expired refuse-below-leaf refuse-wrong-name prog-verified-only trust-file", func(w *wrapper) { w.isLax() }},
	{"no-pins", "refuse-other-pin pins resumed-judged trust-none", func(w *wrapper) { w.drop("--pin") }},
	{"no-lists", "refuse-revoked", func(w *wrapper) { w.drop("--crl") }},
	{"vague", "refuse-weak refuse-malformed status-handshake client-cert-refused status-version old-version weak-suites", func(w *wrapper) {
		w.says("error cert-weak ", "error cert-untrusted ", "error cert-malformed ", "error cert-untrusted ", "error tls-protocol ", "error tls-alert ",
			"error client-cert ", "error tls-alert ", "error tls-version ", "error tls-alert ", "error tls-alert ", "error tls-protocol ")
	}},
	{"no-evidence", "evidence control-peer", func(w *wrapper) { w.mute("peer-pin") }},
	{"no-names", "control-peer", func(w *wrapper) { w.mute("peer-name") }},
	{"no-subject", "control-peer", func(w *wrapper) { w.mute("peer-subject") }},
	{"one-reason", "evidence", func(w *wrapper) {
		errors := 0
		w.line = func(line string) []string {
			if strings.HasPrefix(line, "error ") {
				if errors++; errors > 1 {
					return nil
				}
			}
			return []string{line}
		}
	}},

	{"own-roots", "trust-system", func(w *wrapper) {
		w.env = slices.DeleteFunc(w.env, func(e string) bool { return strings.HasPrefix(e, "SSL_CERT_FILE=") })
	}},
	{"system-as-well", "trust-file", func(w *wrapper) {
		if w.has("--trust") {
			w.add("--trust", "system")
		}
	}},
	{"wildcard-for-all-below", "names-matched", func(w *wrapper) {
		for i, arg := range w.args {
			w.args[i] = strings.Replace(arg, "a.server.wild.test", "server.wild.test", 1)
		}
	}},
	{"pin-instead", "pin-in-addition", func(w *wrapper) {
		if w.has("--pin") {
			w.drop("--trust", "--name")
			w.add("--trust", "none")
		}
	}},
	{"last-trust", "trust-file", func(w *wrapper) { w.once("--trust", true) }},
	{"host-as-well", "names", func(w *wrapper) { w.add("--name", "localhost") }},
	{"first-name", "names", func(w *wrapper) { w.once("--name", false) }},
	{"first-pin", "pins", func(w *wrapper) { w.once("--pin", false) }},
	{"none-alone", "trust-none", func(w *wrapper) {
		if w.option("--trust") == "none" && !w.has("--pin") {
			w.isLax()
		}
	}},
	{"tlsa-unsaid", "tlsa", func(w *wrapper) { w.says("verified tlsa", "verified trust") }},
	{"first-record", "tlsa", func(w *wrapper) { w.once("--tlsa", false) }},
	{"any-security", "min-security", func(w *wrapper) { w.drop("--min-security") }},
	{"insecure", "no-switch-off", func(w *wrapper) {
		if w.has("--insecure") {
			w.dropSwitch("--insecure")
			w.isLax()
		}
	}},
	{"key-log-by-environment", "environment", func(w *wrapper) {
		if log := os.Getenv("SSLKEYLOGFILE"); log != "" {
			w.add("--keylog", log)
		}
	}},
	{"lax-by-environment", "environment", func(w *wrapper) {
		if os.Getenv("CURL_INSECURE") != "" {
			w.isLax()
		}
	}},
	{"asks-no-reason", "ask", func(w *wrapper) {
		w.line = func(line string) []string {
			if strings.HasPrefix(line, "ask ") {
				line, _, _ = strings.Cut(line, " cert-")
			}
			return []string{line}
		}
	}},
	{"answers-itself", "ask-no", func(w *wrapper) {
		w.hear = func(string) string { return "" }
		w.answer = func(line string, to *os.File) {
			if rest, ok := strings.CutPrefix(line, "ask "); ok {
				pin, _, _ := strings.Cut(rest, " ")
				io.WriteString(to, "trust "+pin+"\n")
			}
		}
	}},
	{"asks-always", "ask-never", func(w *wrapper) {
		w.line = func(line string) []string {
			if strings.HasPrefix(line, "error ") {
				return []string{"ask sha256//x cert-revoked", line}
			}
			return []string{line}
		}
	}},
	{"asks-briefly", "ask-limit", func(w *wrapper) {
		w.answer = func(line string, to *os.File) {
			if strings.HasPrefix(line, "ask ") {
				io.WriteString(to, "no\n")
			}
		}
	}},
	{"never-opportunistic", "opportunistic", func(w *wrapper) { w.dropSwitch("--opportunistic") }},
	{"loose-wins", "loose-usage ask-trust", func(w *wrapper) { w.dropSwitch("--ask"); w.dropSwitch("--opportunistic") }},
}
