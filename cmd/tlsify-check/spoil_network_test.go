package main

import (
	"strings"
)

var spoilsHello = []spoil{
	{"any-group", "groups groups-unknown no-common-group no-common-group-server", func(w *wrapper) { w.drop("--groups") }},
	{"one-group", "groups", func(w *wrapper) {
		first, _, _ := strings.Cut(w.option("--groups"), ",")
		if w.has("--groups") {
			w.drop("--groups")
			w.add("--groups", first)
		}
	}},
	{"group-is-version", "no-common-group no-common-group-server", func(w *wrapper) {
		w.says("error no-common-group ", "error tls-version ", "error tls-alert ", "error tls-version ")
	}},
	{"no-ech", "ech ech-rejected ech-malformed", func(w *wrapper) { w.drop("--ech") }},
	{"no-ech-retry", "ech-rejected", func(w *wrapper) { w.mute("ech-retry") }},
	{"ech-rejection-is-alert", "ech-rejected", func(w *wrapper) { w.says("error ech-rejected ", "error tls-alert ") }},
	{"own-hello", "fingerprint fingerprint-file", func(w *wrapper) {
		w.env = append(w.env, "TLSIFY_ENGINE=utls")
		w.drop("--fingerprint")
	}},
}

var spoilsNetwork = []spoil{
	{"no-proxy", "proxy proxy-socks proxy-refuses proxy-nonsense proxy-silent", func(w *wrapper) { w.drop("--proxy") }},
	{"resolves-itself", "proxy-socks", func(w *wrapper) {
		for i, arg := range w.args {
			w.args[i] = strings.Replace(arg, "socks5h:", "socks5:", 1)
		}
	}},
	{"proxy-is-network", "proxy-refuses proxy-nonsense", func(w *wrapper) { w.says("error proxy ", "error network-io ") }},
	{"waits-for-proxy", "proxy-silent", func(w *wrapper) { w.drop("--connect-timeout") }},
	{"fastopen-lost", "tcp-fastopen", func(w *wrapper) {
		if w.has("--tcp-fastopen") {
			w.says("error connect ", "error network-io ")
		}
	}},
	{"no-fastopen", "tcp-fastopen-usage", func(w *wrapper) { w.dropSwitch("--tcp-fastopen") }},
}

var spoilsHandoff = []spoil{
	{"hands-nothing", "handoff handoff-auto", func(w *wrapper) { w.line = func(line string) []string { return []string{line} } }},
	{"handoff-is-unsupported", "handoff-ktls", func(w *wrapper) { w.says("error handoff-unavailable ", "error engine-unsupported ") }},
	{"no-handoff", "handoff-usage", func(w *wrapper) { w.drop("--handoff") }},
}
