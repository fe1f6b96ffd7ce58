package utls

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tlsify/engine"
	"tlsify/engine/enginetest"
)

// Each file of a browser's can be read whole, and makes a handshake.
func TestCaptures(t *testing.T) {
	for _, name := range captureNames() {
		content, _ := captureFiles.ReadFile("browsers/" + name + ".json")
		in := json.NewDecoder(bytes.NewReader(content))
		in.DisallowUnknownFields()
		var c capture
		if err := in.Decode(&c); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := time.Parse(time.DateOnly, c.Taken); err != nil || c.Count < 40 || !strings.Contains(Engine{}.Origin(name), c.Version) {
			t.Errorf("%s: taken %q, %d times: %q", name, c.Taken, c.Count, Engine{}.Origin(name))
		}
		for _, digits := range []string{c.Cold, c.Resumed} {
			if message, err := hex.DecodeString(digits); err != nil || (&profile{}).replay(message) != nil {
				t.Errorf("%s: a message that cannot be replayed: %v", name, err)
			}
		}
	}
}

// Chromium's extensions stand in any order, GREASE first and last; the payload
// of encrypted_client_hello has any of the lengths that the browser was seen with;
// and what is GREASE is another each time, in signature_algorithms as well. All
// are as likely as each other: the bounds are five deviations and more, so that
// chance fails this test once in 10,000 runs at most.
func TestChromiumVaries(t *testing.T) {
	const count, signatures = 400, 13
	places, grease := map[string]int{}, map[uint16]int{}
	width := 0
	lengths := variants(t, "chrome", count, func(h *wireHello) {
		width = len(h.extensions)
		if h.extensions[0] != 0x0a0a || h.extensions[width-1] != 0x0a0a {
			t.Fatalf("extensions %x", h.extensions)
		}
		for i, id := range h.extensions[1 : width-1] {
			places[fmt.Sprint(id, " at ", i)]++
		}
		grease[uint16(h.bodies[signatures][2])]++
	})
	if want := count / (width - 2); len(places) != (width-2)*(width-2) || slices.ContainsFunc(slices.Collect(mapValues(places)), func(n int) bool { return n < want/6 || n > 3*want }) {
		t.Errorf("not all orders are as likely, %d each: %v", want, places)
	}
	if want := count / len(lengths); slices.ContainsFunc(slices.Collect(mapValues(lengths)), func(n int) bool { return n < want/2 || n > 2*want }) {
		t.Errorf("lengths of encrypted_client_hello: %v", lengths)
	}
	if len(grease) != 16 {
		t.Errorf("%d values of GREASE among the signatures", len(grease))
	}
}

// Firefox has one order, and one length for a server's name.
func TestFirefoxVaries(t *testing.T) {
	orders := map[string]int{}
	variants(t, "firefox", 400, func(h *wireHello) { orders[fmt.Sprint(h.extensions)]++ })
	if len(orders) != 1 {
		t.Errorf("orders: %v", orders)
	}
}

// variants builds ClientHellos and gives the lengths of encrypted_client_hello's
// payload, which have to be those of the browser's captures.
func variants(t *testing.T, name string, count int, look func(*wireHello)) map[int]int {
	t.Helper()
	const ech, besidePayload = 0xfe0d, 1 + 4 + 1 + 2 + 32 + 2 // RFC 9849, section 5, with a key of X25519
	lengths := map[int]int{}
	for range count {
		h := parseWireHello(t, builtHello(t, name))
		lengths[len(h.bodies[ech])-besidePayload]++
		look(h)
	}
	if got, want := slices.Sorted(maps.Keys(lengths)), captures()[newestOf(name)].ECHPayloads; !slices.Equal(got, want) {
		t.Errorf("payloads of %d bytes, the browser's have %d", got, want)
	}
	return lengths
}

func mapValues[K comparable](m map[K]int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for _, n := range m {
			if !yield(n) {
				return
			}
		}
	}
}

// There are no settings for a protocol that is not offered; all that the library
// does not understand is as it was captured.
func TestProtocolsAgree(t *testing.T) {
	const alps, alpsOld, trustAnchors = 17613, 17513, 0xca34
	for _, name := range []string{"chrome", "chrome-133", "chrome-120", "edge"} {
		for protocol, want := range map[string]bool{"h2": true, "http/1.1": false} {
			h := sentHello(t, func(c *engine.ClientConfig) { c.Fingerprint, c.ALPN = name, []string{protocol} })
			if got := h.bodies[alps] != nil || h.bodies[alpsOld] != nil; got != want {
				t.Errorf("%s with %s: settings are sent: %v", name, protocol, got)
			}
		}
	}
	captured, _ := hex.DecodeString(captures()[newestOf("chrome")].Cold)
	h := parseWireHello(t, builtHello(t, "chrome"))
	if want := parseWireHello(t, captured).bodies[trustAnchors]; !bytes.Equal(h.bodies[trustAnchors], want) {
		t.Errorf("trust_anchors\n%x, captured\n%x", h.bodies[trustAnchors], want)
	}
}

// Every seed makes a ClientHello with which a server that has nothing but TLS
// 1.3 can be reached.
func TestRandomReachesTLS13(t *testing.T) {
	s := newScene(t)
	s.version(0x0304)
	for i := range 400 {
		s.client.Fingerprint = fmt.Sprint("random:", i)
		if err := s.play(); err != engine.ErrTruncated {
			t.Fatalf("%s: %v", s.client.Fingerprint, err)
		}
	}
}

// ENGINES.md has a table of what was learned of each browser.
func TestBrowsersDocumented(t *testing.T) {
	var b strings.Builder
	b.WriteString("| name | browser | taken | extensions | GREASE `encrypted_client_hello` | X25519 | with a session |\n|---|---|---|---|---|---|---|\n")
	for _, name := range captureNames() {
		c := captures()[name]
		cold, _ := hex.DecodeString(c.Cold)
		p := &profile{}
		if err := p.replay(cold); err != nil {
			t.Fatal(err)
		}
		order, keys, session := "one order", "a key of its own for each share", "session_ticket stays, empty"
		if c.Shuffled {
			order = "any order, GREASE at both ends"
		}
		if p.oneX25519 {
			keys = "one key for both shares"
		}
		if c.TicketOrPSK {
			session = "no session_ticket"
		}
		payload := regexp.MustCompile(`[\[\]]`).ReplaceAllString(strings.ReplaceAll(fmt.Sprint(c.ECHPayloads), " ", ", "), "") + " bytes"
		if c.ECHInner != 0 {
			payload += fmt.Sprintf("; with a session %d and pre_shared_key, padded to 32n-1, and 16", c.ECHInner)
		}
		fmt.Fprintf(&b, "| %s | %s %s, %s | %s, %d ClientHellos of each kind | %s | %s | %s | %s |\n",
			name, c.Browser, c.Version, c.System, c.Taken, c.Count, order, payload, keys, session)
	}
	enginetest.Block(t, "browsers", b.String())
}
