package pq

import (
	"slices"

	"tlsify/engine"
)

// bogoProfiles are the runner's compliance policies that are profiles of ours.
var bogoProfiles = map[string]string{"fips-202205": "fips202205", "wpa-202304": "wpa202304"}

// bogoPolicies are the others: lists of what is allowed, which hold the engine to
// them in both roles. They are the runner's own, and those of what we have. Its CNSA
// 2.0 has classical signatures, which our profile has not.
var bogoPolicies = map[string]struct{ suites, groups, schemes []uint16 }{
	"cnsa1-202603": {
		suites:  []uint16{0x1302},
		groups:  []uint16{0x0202, 0x0018},
		schemes: []uint16{0x0503, 0x0805, 0x0501},
	},
	"cnsa2-202603": {
		suites:  []uint16{0x1302},
		groups:  []uint16{0x0202},
		schemes: []uint16{0x0503, 0x0805, 0x0501},
	},
	"cnsa-202407": {suites: []uint16{0x1302, 0x1301, 0x1303}},
}

func init() {
	for flag, name := range bogoProfiles {
		bogoBools[flag] = func(b *bogoConfig) { b.profile = engine.ProfileByName(name) }
	}
	for name, policy := range bogoPolicies {
		bogoBools[name] = func(b *bogoConfig) {
			b.suites = policy.suites
			b.curves = slices.Concat(b.curves, policy.groups)
			b.schemes, b.signing = slices.Concat(b.schemes, policy.schemes), policy.schemes
		}
	}
}
