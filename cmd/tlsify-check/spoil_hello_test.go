package main

import "strings"

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

var spoilsStaple = []spoil{
	{"no-staple", "staple", func(w *wrapper) { w.drop("--staple") }},
	{"staple-off", "staple-default refuse-must-staple", func(w *wrapper) { w.addUnless("--staple", "off") }},
	{"staples-nothing", "staple-file", func(w *wrapper) { w.drop("--staple-file") }},
}

var spoilsLate = []spoil{
	{"renegotiation-is-protocol", "renegotiation renegotiation-server", func(w *wrapper) { w.says("error renegotiation ", "error tls-protocol ") }},
	{"late-is-alert", "late-message late-message-server", func(w *wrapper) { w.says("error tls-protocol ", "error tls-alert ") }},
}
