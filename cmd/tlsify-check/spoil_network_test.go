package main

import "strings"

var spoilsNetwork = []spoil{
	{"any-family", "families", func(w *wrapper) { w.dropSwitch("-6") }},
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
