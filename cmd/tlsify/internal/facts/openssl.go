package facts

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"tlsify/engine"
)

// What programs know by OpenSSL's names.

// OpenSSLCipher is OpenSSL's name of a cipher suite: for those of TLS 1.3 the
// registered one.
func OpenSSLCipher(c engine.Cipher) string {
	name, ok := strings.CutPrefix(c.String(), "TLS_ECDHE_")
	if !ok {
		return name
	}
	name = strings.NewReplacer("_WITH", "", "AES_", "AES", "CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305").Replace(name)
	return "ECDHE-" + strings.ReplaceAll(name, "_", "-")
}

// attributes are OpenSSL's short names of what a distinguished name is made of.
var attributes = sync.OnceValue(func() map[string]string {
	return map[string]string{
		"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
		"2.5.4.9": "street", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.17": "postalCode", "2.5.4.42": "GN",
		"2.5.4.15": "businessCategory", "2.5.4.97": "organizationIdentifier",
		"1.2.840.113549.1.9.1": "emailAddress", "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
		"1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC", "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST",
	}
})

// namePartNames are the short names that nameParts has.
func namePartNames() []string { return slices.Sorted(maps.Values(attributes())) }

// nameParts are the parts of a distinguished name, in the order in which they
// stand, each with its short name; nil where it cannot be read.
func nameParts(der []byte) (parts [][2]string) { return slices.Concat(relativeNames(der)...) }

// relativeNames are the same, with those together that are one relative name.
func relativeNames(der []byte) (names [][][2]string) {
	var rdns pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &rdns); err != nil || len(rest) > 0 {
		return nil
	}
	for _, rdn := range rdns {
		var parts [][2]string
		for _, a := range rdn {
			name, ok := attributes()[a.Type.String()]
			if !ok {
				name = a.Type.String()
			}
			parts = append(parts, [2]string{name, fmt.Sprint(a.Value)})
		}
		names = append(names, parts)
	}
	return names
}
