package main

import (
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// spoilsServer are about a server and its clients.
var spoilsServer = []spoil{
	{"one-at-a-time", "listen-silent", func(w *wrapper) { w.addUnless("--max-connections", "1") }},
	{"ends-with-its-own", "listen-goes-on", func(w *wrapper) {
		w.signal = func(s os.Signal) {
			for _, pid := range below(w.child.Pid) {
				unix.Kill(pid, unix.SIGKILL)
			}
			w.child.Signal(s)
		}
	}},
	{"no-bounds", "listen-per-address", func(w *wrapper) { w.drop("--max-per-address", "--max-connections") }},
	{"never-reloads", "listen-reload", func(w *wrapper) { w.says("reloaded yes", "reloaded no", "reloaded no", "reloaded yes") }},
	{"deaf-to-hup", "listen-reload", func(w *wrapper) {
		w.signal = func(s os.Signal) {
			if s != unix.SIGHUP {
				w.child.Signal(s)
			}
		}
	}},
	{"socket-to-prog", "listen-prog-sockets", func(w *wrapper) { w.wraps("sh", "-c", `exec "$@" 9<&0`, "sh") }},
	{"any-client", "old-client", func(w *wrapper) { w.drop("--min-security") }},
	{"asks-nobody", "ticket-judged", func(w *wrapper) { w.drop("--client-auth", "--client-trust") }},
	{"one-ticket-key", "ticket-keys", func(w *wrapper) {
		if text, err := os.ReadFile(w.option("--ticket-key")); err == nil {
			first, _, _ := strings.Cut(string(text), "\n")
			os.WriteFile(w.option("--ticket-key"), []byte(first+"\n"), 0o600)
		}
	}},
	{"patient-with-clients", "accept-timeout", func(w *wrapper) { w.drop("--handshake-timeout") }},
	{"server-name-kept", "server-name", func(w *wrapper) { w.wraps("env", "TLSIFY_SERVER_NAME=$(x).test") }},
	{"no-ech-key", "ech-key", func(w *wrapper) { w.drop("--ech-key") }},
	{"key-of-its-own", "signer", func(w *wrapper) { w.replaces("signer:unix:", "/nowhere/") }},
	{"signer-is-alert", "signer-refuses", func(w *wrapper) { w.says("error signer ", "error tls-alert ") }},
	{"psk-unproved", "psk", func(w *wrapper) {
		w.env = append(w.env, "TLSIFY_ENGINE=pq") // which alone has it, as the next
		w.exits(5, 0)
	}},
	{"any-raw-key", "raw-public-key", func(w *wrapper) {
		w.env = append(w.env, "TLSIFY_ENGINE=pq")
		w.exits(5, 0)
	}},
	{"any-own-key", "own-certificate", func(w *wrapper) { w.says("error usage ", "error internal ") }},
	{"notify-at-signal-to-client", "accept-signals", func(w *wrapper) {
		toChild := make(chan *os.File, 1)
		w.in = func(from, to *os.File) {
			toChild <- to
			io.Copy(to, from)
		}
		w.signal = func(os.Signal) { (<-toChild).Close() }
	}},
	{"key-to-prog", "accept-prog-descriptors", func(w *wrapper) { w.wraps("sh", "-c", `exec "$@" 8</dev/null`, "sh") }},
	{"server-logs-nothing", "keylog-server", func(w *wrapper) { w.drop("--keylog") }},
}

// below are the processes that a process has started, and theirs.
func below(pid int) (all []int) {
	lists, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	for _, list := range lists {
		text, _ := os.ReadFile(list)
		for word := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				all = append(append(all, child), below(child)...)
			}
		}
	}
	return all
}
