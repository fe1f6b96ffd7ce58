package pq

import circlhybrid "github.com/cloudflare/circl/kem/hybrid"

// added is what there is to be put into groups (groups.go), as one more row: a
// code point for private use (RFC 8446, section 4.2.7), a name for --groups, and
// anything that implements circl's kem.Scheme.
var added = group{0xfe04, "Kyber1024-X448", fromScheme(circlhybrid.Kyber1024X448())}
