package bench

import "testing"

func FuzzOrder(f *testing.F) {
	for _, line := range []string{"up 1\n", "down 1073741824 16384\n", "both 7\n", "echo 2000 64\n", "quit\n", "up -1\n", "echo 1\n", "dance\n", ""} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		o, err := parseOrder(line)
		if err != nil {
			return
		}
		if again, err := parseOrder(o.String()); err != nil || again != o {
			t.Errorf("%q is %+v, and then %+v, %v", line, o, again, err)
		}
	})
}

func TestOrdersOutOfRange(t *testing.T) {
	for _, line := range []string{"up -1\n", "echo -1 1\n", "echo 1 -1\n", "echo 1 262145\n", "down 1\n", "down 1 0\n", "up\n", "up one\n", "upward 1\n", "\n"} {
		if o, err := parseOrder(line); err == nil {
			t.Errorf("%q is the order %+v", line, o)
		}
	}
}

// What the greeting says of the wire is read as it was written, and a greeting that
// says nothing of it is left as it is.
func TestGreetingOfTheWire(t *testing.T) {
	w := wire{Sent: 1472, Received: 15741, PacketsSent: 2, PacketsReceived: 11, Resent: 3}
	if got, rest := cutWire(w.String() + "TLSv1.3 X x25519"); got != w || rest != "TLSv1.3 X x25519" {
		t.Errorf("%+v, %q", got, rest)
	}
	for _, said := range []string{"plain", "", "1/2 TLSv1.3", "1/2/3/4/x TLSv1.3"} {
		if got, rest := cutWire(said); got != (wire{}) || rest != said {
			t.Errorf("%q: %+v, %q", said, got, rest)
		}
	}
}
