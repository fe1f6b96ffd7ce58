package fingerprint

import "testing"

// What OpenSSL 3.5 and 4.0 offer by default, and GmSSL; each had no name once.
func TestNames(t *testing.T) {
	for id, want := range map[uint16]string{
		0x001f: "brainpoolP256r1tls13", 0x0020: "brainpoolP384r1tls13", 0x0021: "brainpoolP512r1tls13",
		0x0029: "curveSM2", 0x11ee: "curveSM2MLKEM768", 0x0202: "MLKEM1024", 0x0a0a: "GREASE", 0x7777: "0x7777",
	} {
		if got := nameOf(id, groupNames[:]); got != want {
			t.Errorf("group 0x%04x is called %s, want %s", id, got, want)
		}
	}
	for id, want := range map[uint16]string{0x0708: "sm2sig_sm3", 0x0905: "mldsa65", 0x7777: "0x7777"} {
		if got := nameOf(id, signatureNames[:]); got != want {
			t.Errorf("signature 0x%04x is called %s, want %s", id, got, want)
		}
	}
	for _, table := range [][]codeName{groupNames[:], signatureNames[:], extensionNames[:], versionNames[:]} {
		seen := map[uint16]bool{}
		for _, row := range table {
			if seen[row.id] {
				t.Errorf("0x%04x has two names, the second %s", row.id, row.name)
			}
			seen[row.id] = true
		}
	}
}
