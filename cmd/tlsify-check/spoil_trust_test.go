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
}
