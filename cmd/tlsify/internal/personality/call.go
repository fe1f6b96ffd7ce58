package personality

import (
	"net/netip"
	"strings"
)

// Call is what another program's arguments come to.
type Call struct {
	// Args are tlsify's arguments, but for --net-fd where Network is there, and
	// for Prog.
	Args  []string
	place string // the last of Args, which must not look like an option
	// Network and Plaintext are the descriptors to read from and to write to,
	// where they are not as Args say: then the plaintext is to be moved to 0
	// and 1, and the network out of its way.
	Network, Plaintext *Pair
	// Tell is whom to tell of the handshake; nil: nobody.
	Tell *Tell
	// Prog, where there is one, is started at once and has the network, which
	// stays where it is; it asks for TLS when it comes to that, by UCSPI-TLS.
	// Unset are variables that it does not get.
	Prog  []string
	Unset []string
	// ByFIN: our end is the FIN of the stream below TLS, with no close_notify, and
	// each end, ours or the peer's, is one direction's. TakeFIN: the peer's end may
	// be such a FIN.
	ByFIN, TakeFIN bool
	// User is whose rights are enough once files are read, where we are root.
	User *IDs
	// Complaints is the descriptor for people, in the place of 2.
	Complaints int
	// CRLF makes a line's end of the plaintext a CR and an LF, and NoInput
	// empties it.
	CRLF, NoInput bool
	// Leaves tells that the end of its input is its leaving.
	Leaves bool
	// Ciphers are the cipher suites that will do, by OpenSSL's names; nil: all.
	Ciphers []string
	// MaxPath is the most certificates that a path may have; 0: as by itself.
	MaxPath int
	// Then is a program that has the plaintext once the handshake is made.
	Then []string
	// UserName is whose rights are enough once files are read and Then is started.
	UserName string
	// AnyName takes a server of whatever name that is vouched for; Unverified goes
	// on, too, where nothing vouches for it, and says so.
	AnyName, Unverified bool
	// Bind is the address to dial from.
	Bind netip.AddrPort
	// HandOn are the arguments of the next program of the same name in PATH,
	// which does this in our place. Where there is none it is Args, or an error.
	HandOn []string
}

// Pair is a descriptor to read from and one to write to.
type Pair struct{ In, Out int }

// IDs are a user's, and a group's; below 0: as it is. Invalid is why they are
// neither, of which only root must know.
type IDs struct {
	UID, GID int
	Invalid  string
}

// Tell is how one program is told that the handshake is made.
type Tell struct {
	Kind       Kind
	FD         int
	Transcript TranscriptOptions
	// Info, where it is not 0, is where couriertls prints what was negotiated.
	Info int
}

// Kind is a way to be told.
type Kind int

const (
	// Variables: NAME=VALUE, each ended by a NUL, and one more NUL.
	Variables Kind = iota + 1
	// Ending: the descriptor is closed. Where it all fails there is a line
	// with the reason before that.
	Ending
	// Handover: one end of a socket pair, whose other end is then the plaintext, by
	// SCM_RIGHTS along with the six bytes "socket".
	Handover
	// Transcript: what s_client prints, on 1 and 2.
	Transcript
)

// splitPort takes a port off a name, where there is one: some callers give
// HOST:PORT where a name belongs.
func splitPort(name string) string {
	if strings.HasPrefix(name, "[") {
		inner, _, _ := strings.Cut(name[1:], "]")
		return inner
	}
	if strings.Count(name, ":") == 1 {
		name, _, _ = strings.Cut(name, ":")
	}
	return name
}

// withPort adds a port to a place that has none, which may be an address in brackets.
func withPort(place, port string) string {
	if !strings.Contains(place, ":") || strings.HasSuffix(place, "]") {
		place += ":" + port
	}
	return place
}

// TranscriptOptions are what a transcript depends on: -brief, -showcerts,
// -verify_return_error and -status, and whether the server goes by an address.
type TranscriptOptions struct {
	Brief, Chain, Strict, Status, Address bool
}

// Environment are variables, NAME=VALUE.
type Environment []string

// Get gives a variable, and whether there is one.
func (env Environment) Get(name string) (value string, ok bool) {
	for _, entry := range env {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value, true
		}
	}
	return "", false
}
