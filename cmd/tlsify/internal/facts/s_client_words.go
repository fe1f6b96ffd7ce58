package facts

import (
	"slices"
	"strings"
	"time"

	"tlsify/cmd/tlsify/internal/status"
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
	case "secp521r1":
		lines = append(lines, "Server Temp Key: ECDH, secp521r1, 521 bits")
	default:
		lines = append(lines, "Negotiated TLS1.3 group: "+group)
	}
	return lines
}

// signature takes a scheme's name (RFC 8446, section 4.2.3) apart.
func signature(scheme string) (digest, kind string) {
	if _, length, ok := strings.CutLast(scheme, "_sha"); ok {
		digest = "SHA" + length
	}
	switch {
	case strings.HasPrefix(scheme, "ecdsa_"):
		return digest, "ECDSA"
	case strings.HasPrefix(scheme, "rsa_pss_"):
		return digest, "RSA-PSS"
	case strings.HasPrefix(scheme, "rsa_pkcs1_"):
		return digest, "RSA"
	}
	return "", scheme
}

// dateOf is a time as OpenSSL prints one.
func dateOf(t time.Time) string { return t.UTC().Format("Jan _2 15:04:05 2006 GMT") }

// nameOf is a distinguished name in the order in which it stands, on one line.
func nameOf(der []byte) string {
	var names []string
	for _, name := range relativeNames(der) {
		var parts []string
		for _, part := range name {
			value := status.Text(part[1])
			if strings.ContainsAny(value, `,+"\<>;=`) {
				value = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
			}
			parts = append(parts, part[0]+" = "+value)
		}
		names = append(names, strings.Join(parts, " + "))
	}
	return strings.Join(names, ", ")
}
