package bench

import (
	"strings"
	"testing"
	"time"
)

// What there is not, or not together, is refused with what is wrong; loss and
// initial windows where the kernel cannot make them, with its reason.
func TestHandshakesAreRefused(t *testing.T) {
	rig := &Rig{Self: "/nonexistent/tlsify-bench"} // which cannot probe
	for _, c := range []struct {
		choice Choice
		want   string
	}{
		{Choice{Handshakes: -1}, "--handshakes: 1 to "},
		{Choice{Handshakes: maxHandshakes + 1}, "--handshakes: 1 to "},
		{Choice{Handshakes: 1, Groups: []string{"nosuch"}}, `no contestant has the group "nosuch"; there are X25519MLKEM768, `},
		{Choice{Handshakes: 1, Keys: []KeyKind{"nosuch"}}, `there is no certificate "nosuch"; there are P-256, `},
		{Choice{Handshakes: 1, Keys: []KeyKind{KeyMTC1}}, `the certificate "MTC by 1 ML-DSA-44" is for programs alone`},
		{Choice{Handshakes: 1, Pairs: []Pair{{"x25519", "nosuch"}}}, `there is no certificate "nosuch"; there are P-256, `},
		{Choice{Handshakes: 1, Pairs: []Pair{{"x25519", KeyP256}}, Keys: []KeyKind{KeyRSA}}, "--pair takes the place of"},
		{Choice{Handshakes: 1, Parallel: 2}, "no --parallel"},
		{Choice{Handshakes: 1, Ciphers: Ciphers()[:1]}, "no --cipher"},
		{Choice{Handshakes: 1, Links: []Link{{Delay: time.Millisecond, Loss: 1}}}, "1ms,1%: only the kernel can make loss and initial windows, and here it cannot: "},
		{Choice{Handshakes: 1, Links: []Link{{Window: 10}}}, "0s,iw=10: only the kernel can make loss and initial windows, and here it cannot: "},
	} {
		if _, err := HandshakesPlan(rig, c.choice); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, where it is to say %q", c.choice, err, c.want)
		}
	}
	// A relay makes what is no more than slow.
	plan, err := HandshakesPlan(rig, Choice{Handshakes: 7, Keys: []KeyKind{KeyMLDSA65, KeyMLDSA65Alone}, Links: []Link{{Delay: time.Millisecond}}})
	if err != nil {
		t.Fatal(err)
	}
	e := plan.Experiments[0]
	if len(plan.Experiments) != 1 || e.Case != "1ms" || len(e.Contestants) != 2 || e.Repeat.Min != 7 || !strings.Contains(e.Title, "made by a relay: no loss") {
		t.Errorf("%+v", plan)
	}
}
