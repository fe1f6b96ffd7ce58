package facts

import (
	"slices"
	"strings"

	"tlsify/cmd/tlsify/internal/status"
)

// progVariables are what PROG finds in its environment; inherited variables of
// these names are removed.
var progVariables = []string{
	"TLSIFY_PROTOCOL", "TLSIFY_CIPHER", "TLSIFY_GROUP", "TLSIFY_SIGNATURE", "TLSIFY_ALPN",
	"TLSIFY_RESUMED", "TLSIFY_SERVER_NAME", "TLSIFY_ECH", "TLSIFY_PEER_PIN", "TLSIFY_PEER_SUBJECT",
	"TLSIFY_PEER_ISSUER", "TLSIFY_PEER_NAMES", "TLSIFY_PEER_NOT_AFTER", "TLSIFY_VERIFIED",
	"TLSIFY_UNVERIFIED", "TLSIFY_PSK", "TLSIFY_BINDING",
}

// ProgramVariables are the names that a connection has values for: those of the
// facts and those of UCSPI.
func ProgramVariables() []string { return slices.Concat(progVariables, ucspiVariables) }

// Inherited is what PROG has of the environment that is inherited: all but the
// variables of ours.
func Inherited(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return IsProgVariable(name)
	})
}

// Environment is what PROG is told of the facts.
func (f *Facts) Environment() (env []string) {
	setText := func(name, text string) {
		if text != "" {
			env = append(env, "TLSIFY_"+name+"="+text)
		}
	}
	set := func(name, value string) { setText(name, status.Text(value)) }
	set("PROTOCOL", f.State.Version.String())
	for _, fact := range f.Negotiated() {
		set(strings.ToUpper(strings.ReplaceAll(fact[0], "-", "_")), fact[1])
	}
	var kinds []string
	for _, g := range f.Verified {
		kinds = append(kinds, g[0])
		if g[0] == "psk" {
			set("PSK", g[1])
		}
	}
	set("VERIFIED", strings.Join(kinds, " "))
	set("UNVERIFIED", strings.Join(f.Unverified, " "))
	set("PEER_PIN", f.PeerPin)
	if f.Leaf != nil {
		peerEnvironment(f.Leaf, setText)
	}
	set("BINDING", strings.TrimSpace(f.Binding[0]+" "+f.Binding[1]))
	return env
}

// IsProgVariable tells whether a variable is one of ours.
func IsProgVariable(name string) bool { return slices.Contains(progVariables, name) }

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
