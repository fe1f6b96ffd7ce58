package pq

import "slices"

// bogoPolicies are the runner's compliance policies: lists of what is allowed,
// which hold the engine to them in both roles. They are the runner's own, and
// those of what we have.
var bogoPolicies = map[string]struct{ suites, groups, schemes []uint16 }{
	"fips-202205": {
		suites:  []uint16{0x1301, 0x1302},
		groups:  []uint16{0x0017, 0x0018},
		schemes: []uint16{0x0403, 0x0503, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601},
	},
	"wpa-202304": {
		suites:  []uint16{0x1302},
		groups:  []uint16{0x0018},
		schemes: []uint16{0x0503, 0x0805, 0x0806, 0x0501, 0x0601},
	},
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
	for name, policy := range bogoPolicies {
		bogoBools[name] = func(b *bogoConfig) {
			b.suites = policy.suites
			b.curves = slices.Concat(b.curves, policy.groups)
			b.schemes, b.signing = slices.Concat(b.schemes, policy.schemes), policy.schemes
		}
	}
}
