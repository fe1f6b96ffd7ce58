package facts

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
)

// Transcript says of a handshake what scripts look for in the output of `openssl
// s_client`: the certificates in PEM between their markers, the protocol's and the
// cipher suite's lines, and `Verify return code: N (text)`. What that program prints
// and tlsify does not know, or must not tell (sizes, tickets, secrets), is not there.
type Transcript struct {
	Facts *Facts
	// Failure is why there is no stream; nil: there is one.
	Failure *status.Failure
	// Chain has every certificate in PEM, and not the leaf alone.
	Chain bool
	// Strict tells that a certificate that was refused is not to be had in PEM:
	// a script may take what comes for one that was verified.
	Strict bool
	// Status has a line about the stapled OCSP response.
	Status bool
	// Address tells that the certificate had to be for an address.
	Address bool
}

// Full is all of it, as on standard output.
func (t Transcript) Full() []byte {
	var b bytes.Buffer
	state := t.Facts.State
	if state == nil {
		state = &engine.State{}
	}
	b.WriteString("CONNECTED(00000003)\n")
	if t.Status {
		b.WriteString(t.staple())
	}
	b.WriteString("---\n")
	t.certificates(&b)
	if t.Failure == nil && !state.ClientCertRequested {
		b.WriteString("No client certificate CA names sent\n")
	}
	for _, line := range proof(state) {
		b.WriteString(line + "\n")
	}
	b.WriteString("---\n")
	code, text, judged := t.verdict()
	if judged {
		b.WriteString(verification(code, text))
	}
	b.WriteString("---\n")
	if t.Failure != nil {
		b.WriteString("New, (NONE), Cipher is (NONE)\n")
	} else {
		t.session(&b, state)
	}
	if judged {
		fmt.Fprintf(&b, "Verify return code: %d (%s)\n", code, text)
	}
	b.WriteString("---\n")
	return b.Bytes()
}

// Brief is the gist of a handshake that was made, as on standard error.
func (t Transcript) Brief() []byte {
	var b bytes.Buffer
	state := t.Facts.State
	fmt.Fprintf(&b, "CONNECTION ESTABLISHED\nProtocol version: %s\nCiphersuite: %s\n", state.Version, OpenSSLCipher(state.Cipher))
	if leaf := t.Facts.Leaf; leaf != nil {
		fmt.Fprintf(&b, "Peer certificate: %s\n", nameOf(leaf.RawSubject))
	}
	for _, line := range proof(state) {
		line = strings.Replace(line, "Peer signing digest", "Hash used", 1)
		b.WriteString(strings.Replace(line, "Peer signature type", "Signature type", 1) + "\n")
	}
	b.WriteString("Verification: OK\n")
	return b.Bytes()
}

// Complaint is the line about a certificate that was refused, as on standard
// error; nil where none was.
func (t Transcript) Complaint() []byte {
	code, text, judged := t.verdict()
	if !judged || code == 0 {
		return nil
	}
	return fmt.Appendf(nil, "verify error:num=%d:%s\n", code, text)
}

// certificates writes the chain as it was sent, and the leaf.
func (t Transcript) certificates(b *bytes.Buffer) {
	chain := t.Facts.Chain
	if len(chain) == 0 {
		b.WriteString("no peer certificate available\n---\n")
		return
	}
	secret := t.Strict && t.Failure != nil
	b.WriteString("Certificate chain\n")
	for i, c := range chain {
		fmt.Fprintf(b, "%2d s:%s\n   i:%s\n   v:NotBefore: %s; NotAfter: %s\n", i, nameOf(c.RawSubject), nameOf(c.RawIssuer), dateOf(c.NotBefore), dateOf(c.NotAfter))
		if t.Chain && !secret {
			pem.Encode(b, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
		}
	}
	b.WriteString("---\n")
	if secret {
		b.WriteString("no peer certificate available\n---\n")
		return
	}
	b.WriteString("Server certificate\n")
	if !t.Chain {
		pem.Encode(b, &pem.Block{Type: "CERTIFICATE", Bytes: chain[0].Raw})
	}
	fmt.Fprintf(b, "subject=%s\n\nissuer=%s\n\n---\n", nameOf(chain[0].RawSubject), nameOf(chain[0].RawIssuer))
}

// session writes what was agreed on.
func (t Transcript) session(b *bytes.Buffer, state *engine.State) {
	kind := "New"
	if state.Resumed {
		kind = "Reused"
	}
	cipher := OpenSSLCipher(state.Cipher)
	fmt.Fprintf(b, "%s, %s, Cipher is %s\n", kind, state.Version, cipher)
	if bits := keyBits(t.Facts.Leaf); bits > 0 {
		fmt.Fprintf(b, "Server public key is %d bit\n", bits)
	}
	b.WriteString("Compression: NONE\nExpansion: NONE\n")
	if state.ALPN == "" {
		b.WriteString("No ALPN negotiated\n")
	} else {
		fmt.Fprintf(b, "ALPN protocol: %s\n", status.Text(state.ALPN))
	}
	fmt.Fprintf(b, "Early data was not sent\nSSL-Session:\n    Protocol  : %s\n    Cipher    : %s\n", state.Version, cipher)
}

// staple says what is known of an OCSP response.
func (t Transcript) staple() string {
	if t.Facts.stapled {
		return "OCSP response: \n======================================\nOCSP Response Data:\n    OCSP Response Status: successful (0x0)\n    Cert Status: good\n======================================\n"
	}
	return "OCSP response: no response sent\n"
}

func verification(code int, text string) string {
	if code == 0 {
		return "Verification: OK\n"
	}
	return "Verification error: " + text + "\n"
}

// keyBits is the size of a certificate's key; 0: not known.
func keyBits(leaf *x509.Certificate) int {
	if leaf == nil {
		return 0
	}
	switch key := leaf.PublicKey.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen()
	case *ecdsa.PublicKey:
		return key.Params().BitSize
	case ed25519.PublicKey:
		return 8 * len(key)
	}
	return 0
}
