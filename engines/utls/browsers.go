package utls

import (
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	tls "github.com/refraction-networking/utls"
)

// The captures of browsers that `make browsers` has taken: one file each, by
// the name of its fingerprint. A name stays when a newer browser comes.
//
//go:embed browsers/*.json
var captureFiles embed.FS

// A capture is what was learned of one browser from its ClientHellos.
type capture struct {
	Browser string `json:"browser"`
	Version string `json:"version"`
	System  string `json:"system"` // it ran on
	Taken   string `json:"taken"`  // a date, 2006-01-02
	// Count is how many ClientHellos there were of either kind.
	Count int `json:"count"`
	manner
	// Cold is one of them, and Resumed one that offered a session: messages with
	// their header, in hexadecimal digits.
	Cold    string `json:"cold"`
	Resumed string `json:"resumed"`
}

// A manner is what a browser does otherwise from one ClientHello to the next,
// besides what is random in all.
type manner struct {
	// Shuffled says that the extensions stand in another order each time, all but
	// GREASE, padding and pre_shared_key.
	Shuffled bool `json:"shuffled"`
	// ECHPayloads are the lengths in bytes that the payload of a GREASE
	// encrypted_client_hello has, all as likely.
	ECHPayloads []int `json:"ech_payloads,omitempty"`
	// ECHInner, where not 0, is the length of what that payload stands for,
	// without pre_shared_key: it is padded, and so grows with the session's ticket.
	ECHInner int `json:"ech_inner,omitempty"`
	// TicketOrPSK says that it asks for no ticket of TLS 1.2 when it offers a
	// session of TLS 1.3.
	TicketOrPSK bool `json:"ticket_or_psk,omitempty"`
}

// captures reads the files. What is wrong with one, a test says.
var captures = sync.OnceValue(func() map[string]*capture {
	list := map[string]*capture{}
	for _, name := range captureNames() {
		content, _ := captureFiles.ReadFile("browsers/" + name + ".json")
		c := new(capture)
		if json.Unmarshal(content, c) == nil {
			list[name] = c
		}
	}
	return list
})

func captureNames() (names []string) {
	files, _ := captureFiles.ReadDir("browsers")
	for _, f := range files {
		names = append(names, strings.TrimSuffix(f.Name(), ".json"))
	}
	return names
}

// Origin says where a named fingerprint is from: of which release, and taken
// when. The library does not say when it took its own.
func (e Engine) Origin(name string) string {
	name, _, _ = strings.Cut(name, ":")
	if c := captures()[name]; c != nil {
		day, _ := time.Parse(time.DateOnly, c.Taken)
		return fmt.Sprintf("%s %s on %s, taken on %s", c.Browser, c.Version, c.System, day.Format("2 January 2006"))
	}
	return e.Library()
}

// replayOurs makes the profile of one of our captures.
func (p *profile) replayOurs(c *capture) error {
	message, err := hex.DecodeString(c.Cold)
	if err == nil {
		err = p.replay(message)
	}
	p.manner = c.manner
	return err
}

// mannerOf takes the ClientHello of a stranger's file for that of a browser that
// we know, by its shape: BoringSSL, with which Chromium and its like are built,
// sends GREASE extensions at both ends and shuffles all between them where it
// sends encrypted_client_hello; Firefox sends no GREASE, and both
// record_size_limit and delegated_credentials. Whatever else it is is sent as it
// was captured.
func mannerOf(spec *tls.ClientHelloSpec) manner {
	exts := spec.Extensions
	end := len(exts)
	for end > 0 && !isGREASEExtension(exts[end-1]) && isTail(exts[end-1]) {
		end--
	}
	if extensionOf[*tls.GREASEEncryptedClientHelloExtension](spec) == nil {
		return manner{}
	}
	switch {
	case end > 2 && isGREASEExtension(exts[0]) && isGREASEExtension(exts[end-1]):
		return newestManner("chrome")
	case !slices.ContainsFunc(exts, isGREASEExtension) && extensionOf[*tls.FakeRecordSizeLimitExtension](spec) != nil &&
		extensionOf[*tls.FakeDelegatedCredentialsExtension](spec) != nil:
		return newestManner("firefox")
	}
	return manner{}
}

// newestManner is that of a program's newest capture.
func newestManner(program string) manner {
	if c := captures()[newestOf(program)]; c != nil {
		return c.manner
	}
	return manner{}
}

func isGREASEExtension(e tls.TLSExtension) bool {
	_, is := e.(*tls.UtlsGREASEExtension)
	return is
}
