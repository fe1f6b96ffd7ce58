package facts

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"

	"tlsify/cmd/tlsify/internal/status"
)

// Courier is what couriertls prints with -printx509: the peer's certificate, where
// it has shown one, and what was negotiated.
func Courier(f *Facts) []byte {
	var b bytes.Buffer
	if leaf := f.Leaf; leaf != nil {
		b.WriteString("Subject:\n")
		for _, part := range nameParts(leaf.RawSubject) {
			fmt.Fprintf(&b, "   %s=%s\n", part[0], status.Text(part[1]))
		}
		fmt.Fprintf(&b, "\nNot-Before: %s\nNot-After: %s\n\n", timeOf(leaf.NotBefore), timeOf(leaf.NotAfter))
	}
	fmt.Fprintf(&b, "Version: %s\nBits: %d\nCipher: %s\n", f.State.Version, cipherBits(f), OpenSSLCipher(f.State.Cipher))
	if f.Unverified != nil {
		fmt.Fprintf(&b, "Unverified: %s\n", strings.Join(f.Unverified, " "))
	}
	return b.Bytes()
}

// subjectPrefix stands before the parts of a subject that was verified.
const subjectPrefix = "TLS_SUBJECT_"

// CourierVariables are the names of what couriertls tells its program.
func CourierVariables() []string {
	names := []string{"TLS_CONNECTED_PROTOCOL"}
	for _, name := range namePartNames() {
		names = append(names, subjectPrefix+strings.ToUpper(name))
	}
	return names
}

// CourierEnvironment has their values, one each.
func CourierEnvironment(f *Facts) []string {
	env := []string{fmt.Sprintf("TLS_CONNECTED_PROTOCOL=%s,%dbits,%s", f.State.Version, cipherBits(f), OpenSSLCipher(f.State.Cipher))}
	if f.Leaf == nil || len(f.Verified) == 0 {
		return env
	}
	// Of several parts with one name, such as DC, couriertls tells the last.
	last := map[string]string{}
	for _, part := range nameParts(f.Leaf.RawSubject) {
		last[part[0]] = part[1]
	}
	for _, name := range namePartNames() {
		if value, ok := last[name]; ok && !strings.ContainsFunc(value, unicode.IsControl) {
			env = append(env, subjectPrefix+strings.ToUpper(name)+"="+value)
		}
	}
	return env
}

// cipherBits is the length of the cipher's key.
func cipherBits(f *Facts) int {
	if name := f.State.Cipher.String(); strings.Contains(name, "AES_128") {
		return 128
	}
	return 256
}
