package fingerprint_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"tlsify/cmd/tlsify/internal/fingerprint"
	"tlsify/engine"
	"tlsify/engine/enginetest"
	"tlsify/engine/enginetest/browser"
	"tlsify/engines/utls"
)

const (
	extSessionTicket = 35
	extPSK           = 41
	extECH           = 0xfe0d
)

// lengthOf is that of an extension, header included; 0 where there is none.
func lengthOf(h *fingerprint.Hello, id uint16) int {
	for _, e := range h.Extensions {
		if e.ID == id {
			return 4 + e.Length
		}
	}
	return 0
}

// oneX25519 tells whether the share for x25519 is also the end of the one for
// X25519MLKEM768.
func oneX25519(message []byte) bool {
	const kemLen, keyLen = 1184, 32
	_, share, ok := bytes.Cut(message, []byte{0x11, 0xec, 0x04, 0xc0})
	return ok && bytes.Contains(message, append([]byte{0, 0x1d, 0, keyLen}, share[kemLen:kemLen+keyLen]...))
}

// payloadOf is the length of encrypted_client_hello's payload (RFC 9849, section
// 5), with a key of 32 bytes.
func payloadOf(h *fingerprint.Hello) int { return lengthOf(h, extECH) - (4 + 1 + 4 + 1 + 2 + 32 + 2) }

func payloads(list []*fingerprint.Hello) []int {
	set := map[int]bool{}
	for _, h := range list {
		set[payloadOf(h)] = true
	}
	return slices.Sorted(maps.Keys(set))
}

func orders(list []*fingerprint.Hello) int {
	set := map[string]bool{}
	for _, h := range list {
		set[h.JA4RO()] = true
	}
	return len(set)
}

// likeness is what is alike in all of a browser's ClientHellos: JA4, JA4_r, and
// JA4_ro with its extensions sorted.
func likeness(h *fingerprint.Hello) string {
	parts := strings.Split(h.JA4RO(), "_")
	ids := strings.Split(parts[2], ",")
	slices.Sort(ids)
	parts[2] = strings.Join(ids, ",")
	return fmt.Sprintf("JA4 %s\nJA4_r %s\nsorted %s", h.JA4(), h.JA4R(), strings.Join(parts, "_"))
}

// learned is the form of the engine's captures.
type learned struct {
	Browser     string `json:"browser"`
	Version     string `json:"version"`
	System      string `json:"system"`
	Taken       string `json:"taken"`
	Count       int    `json:"count"`
	Shuffled    bool   `json:"shuffled"`
	ECHPayloads []int  `json:"ech_payloads,omitempty"`
	ECHInner    int    `json:"ech_inner,omitempty"`
	TicketOrPSK bool   `json:"ticket_or_psk,omitempty"`
	Cold        string `json:"cold"`
	Resumed     string `json:"resumed"`
}

// learn finds out how a browser varies.
func (v *visit) learn(t *testing.T) *learned {
	l := &learned{Count: len(v.cold), Shuffled: orders(v.cold) > 1, ECHPayloads: payloads(v.cold),
		TicketOrPSK: lengthOf(v.cold[0], extSessionTicket) > 0 && lengthOf(v.resumed[0], extSessionTicket) == 0,
		Cold:        hex.EncodeToString(v.messages[v.cold[0]]), Resumed: hex.EncodeToString(v.messages[v.resumed[0]])}
	if slices.Equal(payloads(v.resumed), l.ECHPayloads) {
		return l
	}
	// A padded length: that with which all the ClientHellos can be explained.
	padded := func(n int) int { return (n+31)/32*32 - 1 + 16 }
	for inner := range 1 << 12 {
		fits := func(h *fingerprint.Hello) bool { return payloadOf(h) == padded(inner+lengthOf(h, extPSK)) }
		if !slices.ContainsFunc(slices.Concat(v.cold, v.resumed), func(h *fingerprint.Hello) bool { return !fits(h) }) {
			l.ECHInner = inner
			return l
		}
	}
	t.Fatalf("the payloads are %d and %d, and nothing explains that", l.ECHPayloads, payloads(v.resumed))
	return nil
}

// TLSIFY_WRITE_BROWSERS=DIR has the browsers of this machine captured into it:
// `make browsers`.
func TestWriteBrowsers(t *testing.T) {
	dir := os.Getenv("TLSIFY_WRITE_BROWSERS")
	if dir == "" {
		t.Skip("writes captures only where TLSIFY_WRITE_BROWSERS asks for them")
	}
	for _, b := range browser.Each() {
		t.Run(b.Name, func(t *testing.T) {
			l := take(t, b, 40).learn(t)
			l.Version = b.Version(t)
			l.Browser, l.System, l.Taken = b.Title, systemName(), time.Now().UTC().Format(time.DateOnly)
			major, _, _ := strings.Cut(l.Version, ".")
			content, _ := json.MarshalIndent(l, "", "\t")
			file := fmt.Sprintf("%s/%s-%s.json", dir, b.Name, major)
			if err := os.WriteFile(file, append(content, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
			fmt.Printf("%s: %s %s on %s, shuffled %v, payloads %d\n", file, l.Browser, l.Version, l.System, l.Shuffled, l.ECHPayloads)
		})
	}
}

func systemName() string {
	release, _ := os.ReadFile("/etc/os-release")
	_, name, _ := strings.Cut(string(release), "PRETTY_NAME=\"")
	name, _, _ = strings.Cut(name, "\"")
	return name
}

// captureCount is how many ClientHellos of a kind a browser is asked for:
// TLSIFY_BROWSER_CAPTURES.
func captureCount() int {
	if count, err := strconv.Atoi(os.Getenv("TLSIFY_BROWSER_CAPTURES")); err == nil {
		return count
	}
	return 10
}

// What is sent under a browser's name, and what is sent for a file with one of
// its ClientHellos, cannot be told from what the browser of this machine sends.
func TestParrots(t *testing.T) {
	for _, b := range browser.Each() {
		t.Run(b.Name, func(t *testing.T) {
			count := captureCount()
			v := take(t, b, count)
			major, _, _ := strings.Cut(b.Version(t), ".")
			name := b.Name + "-" + major
			if !slices.Contains(utls.Engine{}.Fingerprints(), name) {
				t.Logf("there is no %s yet: make browsers", name)
				name = ""
			}
			for what, tune := range map[string]func(*engine.ClientConfig){
				name:             func(c *engine.ClientConfig) { c.Fingerprint = name },
				"a file":         func(c *engine.ClientConfig) { c.Hello = v.messages[v.cold[0]] },
				"a resumed file": func(c *engine.ClientConfig) { c.Hello = v.messages[v.resumed[0]] },
			} {
				if what != "" {
					t.Run(what, func(t *testing.T) { wantAlike(t, v, count, tune) })
				}
			}
		})
	}
}

// wantAlike compares a browser's visit with ours, made by the same rules.
func wantAlike(t *testing.T, v *visit, count int, tune func(*engine.ClientConfig)) {
	ours := &visit{messages: map[*fingerprint.Hello][]byte{}}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seen := serveAll(t, l, enginetest.Chain(t, "good"), "")
	request := func(host string, ticket []byte, protocols ...string) (kept []byte, hello *fingerprint.Hello) {
		c := &engine.ClientConfig{ServerName: host + ".tlsify.test", Ticket: ticket, KeepTicket: func(b []byte) { kept = b }}
		c.Verify = func(*engine.Peer) error { return nil }
		c.ALPN = protocols
		tune(c)
		get(t, l.Addr().String(), c)
		select {
		case h := <-seen:
			if h.resumed != (ticket != nil) {
				t.Errorf("%s: resumed is %v", host, h.resumed)
			}
			hello := parse(t, h.hello)
			ours.messages[hello] = h.hello
			return kept, hello
		case <-time.After(patience):
			t.Fatal("the server heard nothing")
			return nil, nil
		}
	}
	for i := range count {
		host := fmt.Sprintf("h%03d", i)
		ticket, hello := request(host, nil, "h2", "http/1.1")
		ours.cold = append(ours.cold, hello)
		if _, hello = request(host, ticket, "h2", "http/1.1"); ticket != nil {
			ours.resumed = append(ours.resumed, hello)
		}
	}
	// Chromium's WebSockets are of HTTP/1.1, Firefox's of HTTP/2 as well.
	protocols := []string{"h2", "http/1.1"}
	if head, _, _ := strings.Cut(v.socket.JA4(), "_"); strings.HasSuffix(head, "h1") {
		protocols = protocols[1:]
	}
	_, ours.socket = request("socket", nil, protocols...)
	if lengthOf(ours.cold[0], extPSK) > 0 { // it was captured with a session, and always has one
		v, ours.cold, ours.socket = &visit{resumed: v.resumed, messages: v.messages}, nil, nil
	}
	if v.likeness() != ours.likeness() {
		t.Errorf("the browser's are\n%s\nours\n%s", v.likeness(), ours.likeness())
	}
	for kind, pair := range map[string][2][]*fingerprint.Hello{"cold": {v.cold, ours.cold}, "resumed": {v.resumed, ours.resumed}} {
		theirs, own := pair[0], pair[1]
		if len(own) == 0 {
			continue
		}
		if a, b := oneX25519(v.messages[theirs[0]]), oneX25519(ours.messages[own[0]]); a != b {
			t.Errorf("%s: one key of X25519 for both shares: %v, not %v", kind, b, a)
		}
		if one := orders(theirs) == 1; one != (orders(own) == 1) || !one && orders(own) != count {
			t.Errorf("%s: the browser has %d orders, we have %d", kind, orders(theirs), orders(own))
		}
		wantSpread(t, kind, theirs, own)
		t.Logf("%s: %d of %d alike; orders %d and %d; payloads %d and %d", kind, len(own), count, orders(theirs), orders(own), payloads(theirs), payloads(own))
	}
	wantPayloads(t, v, ours)
}

// wantSpread compares how the two vary, each with as many ClientHellos: where each
// extension stands on average, and how often encrypted_client_hello has each of
// its lengths where they do not hang on the session. The bounds are six standard
// deviations of what two draws of the same kind differ by.
func wantSpread(t *testing.T, kind string, theirs, own []*fingerprint.Hello) {
	t.Helper()
	places := func(list []*fingerprint.Hello) map[uint16]float64 {
		mean := map[uint16]float64{}
		for _, h := range list {
			for i, e := range h.Extensions {
				if e.ID&0x0f0f != 0x0a0a {
					mean[e.ID] += float64(i) / float64(len(list))
				}
			}
		}
		return mean
	}
	n := float64(len(own))
	width := float64(len(own[0].Extensions))
	bound := 6 * math.Sqrt(2*(width*width-1)/12/n) // of places that are all as likely
	a, b, worst := places(theirs), places(own), 0.0
	for id, place := range a {
		worst = max(worst, math.Abs(place-b[id]))
		if worst > bound {
			t.Errorf("%s: extension %d stands at %.1f on average, the browser's at %.1f", kind, id, b[id], place)
		}
	}
	count := func(list []*fingerprint.Hello) map[int]int {
		lengths := map[int]int{}
		for _, h := range list {
			lengths[payloadOf(h)]++
		}
		return lengths
	}
	if c, d := count(theirs), count(own); orders(theirs) > 1 {
		p := 1 / float64(len(d))
		for length := range d {
			if diff := math.Abs(float64(c[length] - d[length])); diff > 6*math.Sqrt(2*n*p*(1-p)) {
				t.Errorf("%s: payloads of the browser's %v, of ours %v", kind, c, d)
			}
		}
		t.Logf("%s: places differ by %.2f at most (bound %.2f); payloads %v and %v", kind, worst, bound, c, d)
	}
}

// likeness is that of all that is in a visit, which has to be one of each kind.
func (v *visit) likeness() string {
	set := map[string]bool{}
	kinds := map[string][]*fingerprint.Hello{"cold": v.cold, "resumed": v.resumed}
	if v.socket != nil {
		kinds["socket"] = []*fingerprint.Hello{v.socket}
	}
	for kind, list := range kinds {
		for _, h := range list {
			set[kind+": "+likeness(h)] = true
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(set)), "\n")
}

// wantPayloads compares the lengths of encrypted_client_hello: drawn from the
// same few, or by the length of the session that is offered.
func wantPayloads(t *testing.T, theirs, ours *visit) {
	if orders(theirs.resumed) > 1 {
		many := append(slices.Clone(payloads(theirs.cold)), payloads(theirs.resumed)...)
		slices.Sort(many)
		many = slices.Compact(many) // of fewer than four one has not come yet
		for _, n := range slices.Concat(payloads(ours.cold), payloads(ours.resumed)) {
			if len(many) > 3 && !slices.Contains(many, n) {
				t.Errorf("we have a payload of %d bytes, the browser %d", n, many)
			}
		}
		return
	}
	bySession := map[int]int{}
	for _, h := range slices.Concat(theirs.cold, theirs.resumed) {
		bySession[lengthOf(h, extPSK)] = payloadOf(h)
	}
	for _, h := range slices.Concat(ours.cold, ours.resumed) {
		if want, known := bySession[lengthOf(h, extPSK)]; known && payloadOf(h) != want {
			t.Errorf("with a session of %d bytes the payload has %d, not %d", lengthOf(h, extPSK), payloadOf(h), want)
		}
	}
}

// get makes a request.
func get(t *testing.T, address string, c *engine.ClientConfig) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	session, err := utls.New().Client(ctx, conn, c)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(session, "GET / HTTP/1.1\r\nHost: tlsify.test\r\n\r\n")
	for buffer, err := make([]byte, 1<<10), error(nil); err == nil; {
		_, err = session.Read(buffer)
	}
	session.CloseWrite()
}
