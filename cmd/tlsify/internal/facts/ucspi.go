package facts

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/status"
)

// ucspiVariables tell PROG of the connection's two ends, as UCSPI has it
// (https://cr.yp.to/proto/ucspi.txt).
var ucspiVariables = []string{
	"PROTO", "TCPREMOTEIP", "TCPREMOTEPORT", "TCPREMOTEHOST", "TCPREMOTEINFO", "TCPLOCALIP", "TCPLOCALPORT", "TCPLOCALHOST",
}

// WithoutUCSPI is an environment without them. It uses env up.
func WithoutUCSPI(env []string) []string {
	return slices.DeleteFunc(env, func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(ucspiVariables, name)
	})
}

// Variables are the facts as UCSPI-TLS has them, each ended by a NUL, and one
// NUL more. One without a value is not set. What is the peer's cannot make
// another variable of itself, nor be so long that no program can be started with it.
func (f *Facts) Variables() []byte {
	var all []byte
	add := func(name, value string) {
		all = append(all, name...)
		if value != "" && len(value) <= variableLimit && !strings.ContainsFunc(value, unicode.IsControl) {
			all = append(append(all, '='), value...)
		}
		all = append(all, 0)
	}
	add("SSL_PROTOCOL", f.State.Version.String())
	add("SSL_CIPHER", OpenSSLCipher(f.State.Cipher))
	add("SSL_TLS_SNI_SERVERNAME", cmp.Or(f.State.ServerName, f.SentName))
	hash, subject := "", ""
	if f.Leaf != nil {
		sum := sha256.Sum256(f.Leaf.Raw)
		hash, subject = "SHA256:"+hex.EncodeToString(sum[:]), status.Text(onOneLine(f.Leaf.RawSubject))
	}
	add("SSL_PEER_CERT_HASH", hash)
	add("SSL_PEER_CERT_SUBJECT", subject)
	return append(all, 0)
}

// onOneLine is a distinguished name as libtls has it: /C=XX/CN=a.test.
func onOneLine(der []byte) string {
	var line strings.Builder
	for _, part := range nameParts(der) {
		line.WriteString("/" + part[0] + "=" + part[1])
	}
	return line.String()
}

// AddressOf is an IP socket's address; else it is not valid.
func AddressOf(s unix.Sockaddr) netip.AddrPort {
	switch a := s.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port))
	}
	return netip.AddrPort{}
}

// Ends are the two addresses of a connection, invalid where it has none, and the
// name that was dialled, or empty.
type Ends struct {
	Remote, Local netip.AddrPort
	RemoteHost    string
}

// Environment has the variables of UCSPI.
func (e Ends) Environment() []string {
	if !e.Remote.IsValid() || !e.Local.IsValid() {
		return nil
	}
	env := []string{"PROTO=TCP",
		"TCPREMOTEIP=" + e.Remote.Addr().String(), "TCPREMOTEPORT=" + strconv.Itoa(int(e.Remote.Port())),
		"TCPLOCALIP=" + e.Local.Addr().String(), "TCPLOCALPORT=" + strconv.Itoa(int(e.Local.Port()))}
	if e.RemoteHost != "" {
		env = append(env, "TCPREMOTEHOST="+e.RemoteHost)
	}
	return env
}

// HasUCSPI tells whether env has the variables of UCSPI.
func HasUCSPI(env []string) bool {
	return slices.ContainsFunc(env, func(entry string) bool { return strings.HasPrefix(entry, "PROTO=") })
}
