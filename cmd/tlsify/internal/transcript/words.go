package transcript

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"slices"
	"strings"
	"time"

	"tlsify/cmd/tlsify/internal/control"
	"tlsify/engine"
)

// verdict is OpenSSL's number and words for what the policy made of the peer.
// It is not ok where no certificate was judged.
func (t Transcript) verdict() (code int, text string, ok bool) {
	if t.Failure == nil {
		return 0, "ok", true
	}
	chain := t.Facts.Chain
	if len(chain) == 0 {
		return 0, "", false
	}
	switch t.Failure.Code {
	case "cert-untrusted":
		last := chain[len(chain)-1]
		switch {
		case slices.Equal(last.RawSubject, last.RawIssuer):
			return 19, "self-signed certificate in certificate chain", true
		case len(chain) == 1:
			return 21, "unable to verify the first certificate", true
		}
		return 20, "unable to get local issuer certificate", true
	case "cert-name":
		if t.Address {
			return 64, "IP address mismatch", true
		}
		return 62, "hostname mismatch", true
	}
	v, known := verdicts[t.Failure.Code]
	return v.code, v.text, known
}

// verdicts are OpenSSL's for the CODEs of a peer that was rejected.
var verdicts = map[string]struct {
	code int
	text string
}{
	"cert-self-signed":   {18, "self-signed certificate"},
	"cert-expired":       {10, "certificate has expired"},
	"cert-not-yet-valid": {9, "certificate is not yet valid"},
	"cert-purpose":       {26, "unsuitable certificate purpose"},
	"cert-weak":          {66, "EE certificate key too weak"},
	"cert-constraint":    {47, "permitted subtree violation"},
	"cert-revoked":       {23, "certificate revoked"},
	"cert-malformed":     {1, "unspecified certificate verification error"},
	"pin-mismatch":       {65, "no matching DANE TLSA records"},
	"staple":             {74, "OCSP verification failed"},
}

// proof says how the peer has proved that it has its key, and by what both came
// to theirs.
func proof(state *engine.State) (lines []string) {
	if digest, kind := signature(state.Signature); kind != "" {
		if digest != "" {
			lines = append(lines, "Peer signing digest: "+digest)
		}
		lines = append(lines, "Peer signature type: "+kind)
	}
	switch group := state.Group; group {
	case "":
	case "x25519":
		lines = append(lines, "Server Temp Key: X25519, 253 bits")
	case "secp256r1":
		lines = append(lines, "Server Temp Key: ECDH, prime256v1, 256 bits")
	case "secp384r1":
		lines = append(lines, "Server Temp Key: ECDH, secp384r1, 384 bits")
	default:
		lines = append(lines, "Negotiated TLS1.3 group: "+group)
	}
	return lines
}

// signature takes a scheme's name (RFC 8446, section 4.2.3) apart.
func signature(scheme string) (digest, kind string) {
	if at := strings.LastIndex(scheme, "_sha"); at >= 0 {
		digest = "SHA" + scheme[at+len("_sha"):]
	}
	switch {
	case strings.HasPrefix(scheme, "ecdsa_"):
		return digest, "ECDSA"
	case strings.HasPrefix(scheme, "rsa_pss_"):
		return digest, "RSA-PSS"
	case strings.HasPrefix(scheme, "rsa_pkcs1_"):
		return digest, "RSA"
	case strings.HasPrefix(scheme, "ed25519"):
		return "", "Ed25519"
	}
	return "", scheme
}

// CipherName is OpenSSL's name of a cipher suite: for those of TLS 1.3 the
// registered one.
func CipherName(c engine.Cipher) string {
	name, ok := strings.CutPrefix(c.String(), "TLS_ECDHE_")
	if !ok {
		return name
	}
	name = strings.NewReplacer("_WITH", "", "AES_", "AES", "CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305").Replace(name)
	return "ECDHE-" + strings.ReplaceAll(name, "_", "-")
}

// timeOf is a time as OpenSSL prints one.
func timeOf(t time.Time) string { return t.UTC().Format("Jan _2 15:04:05 2006 GMT") }

// attributes are OpenSSL's short names of what a distinguished name is made of.
var attributes = map[string]string{
	"2.5.4.3": "CN", "2.5.4.4": "SN", "2.5.4.5": "serialNumber", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST",
	"2.5.4.9": "street", "2.5.4.10": "O", "2.5.4.11": "OU", "2.5.4.17": "postalCode", "2.5.4.42": "GN",
	"2.5.4.15": "businessCategory", "2.5.4.97": "organizationIdentifier",
	"1.2.840.113549.1.9.1": "emailAddress", "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
	"1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC", "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST",
}

// nameOf is a distinguished name in the order in which it stands, on one line.
func nameOf(der []byte) string {
	var rdns pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &rdns); err != nil || len(rest) > 0 {
		return "(unreadable)"
	}
	var parts []string
	for _, rdn := range rdns {
		var values []string
		for _, a := range rdn {
			name, ok := attributes[a.Type.String()]
			if !ok {
				name = a.Type.String()
			}
			value := control.Text(fmt.Sprint(a.Value))
			if strings.ContainsAny(value, `,+"\<>;=`) {
				value = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
			}
			values = append(values, name+" = "+value)
		}
		parts = append(parts, strings.Join(values, " + "))
	}
	return strings.Join(parts, ", ")
}
