package listener

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/process"
)

// door is an admission with a clock of its own, and the names of those it has
// ended.
type door struct {
	*admission
	now     time.Time
	ended   []string
	unheard []string // whose processes have said something that was not heard yet
}

func limits(connections, perAddress, handshakes, waiting int) invocation.Admission {
	return invocation.Admission{Connections: connections, PerAddress: perAddress, Handshakes: handshakes, Waiting: waiting}
}

func newDoor(limits invocation.Admission) *door {
	d := &door{now: time.Unix(0, 0)}
	d.admission = newAdmission(limits, func() time.Time { return d.now })
	return d
}

// wait lets one in to wait for its first message.
func (d *door) wait(address, name string) (*visitor, string) {
	return d.enter(netip.PrefixFrom(netip.MustParseAddr(address), 32), func() { d.ended = append(d.ended, name) })
}

// shake lets one in, and its handshake begin.
func (d *door) shake(address, name string) (*visitor, string) {
	v, limit := d.wait(address, name)
	if limit != "" {
		return nil, limit
	}
	d.queue(v)
	if limit := d.refusal(v); limit != "" {
		return v, limit
	}
	d.started(v, func() { d.ended = append(d.ended, name) }, func() bool { return slices.Contains(d.unheard, name) })
	return v, ""
}

func TestAdmissionLimits(t *testing.T) {
	for _, c := range []struct {
		limits invocation.Admission
		limit  string
	}{
		{limits(3, 10, 10, 3), "--max-connections"},
		{limits(10, 3, 10, 10), "--max-per-address"},
		{limits(10, 10, 3, 10), "--max-handshakes"},
	} {
		t.Run(c.limit, func(t *testing.T) {
			d := newDoor(c.limits)
			var visitors []*visitor
			for _, name := range []string{"a", "b", "c"} {
				v, limit := d.shake("192.0.2.1", name)
				if limit != "" {
					t.Fatalf("%s is refused: %s", name, limit)
				}
				visitors = append(visitors, v)
			}
			// All are in their handshake, and none has had its time.
			fourth, limit := d.shake("192.0.2.1", "d")
			if limit != c.limit {
				t.Errorf("the fourth is refused by %q", limit)
			}
			if fourth != nil {
				d.over(fourth)
			}
			if v, limit := d.shake("192.0.2.2", "e"); (limit == "") != (c.limit == "--max-per-address") {
				t.Errorf("one from elsewhere is refused by %q", limit)
			} else {
				d.over(v)
			}
			// The oldest makes room once it has, if it is not established.
			d.now = d.now.Add(handshakeGrace)
			d.established(visitors[0])
			if c.limit == "--max-handshakes" {
				d.shake("192.0.2.1", "another")
			}
			if _, limit := d.shake("192.0.2.1", "f"); limit != "" || !slices.Equal(d.ended, []string{"b"}) {
				t.Errorf("refused by %q; ended: %v", limit, d.ended)
			}
		})
	}
}

// The newest has the next turn, and one that waits gets it whoever makes room.
func TestTurns(t *testing.T) {
	d := newDoor(limits(10, 10, 1, 10))
	first, _ := d.shake("192.0.2.1", "first")
	older, _ := d.shake("192.0.2.1", "older")
	newer, _ := d.shake("192.0.2.1", "newer")
	for i, step := range []struct {
		happens func()
		turn    *visitor
	}{
		{func() { d.established(first) }, newer},
		{func() { d.over(newer) }, older},
	} {
		step.happens()
		select {
		case <-step.turn.turn:
		default:
			t.Errorf("step %d: it is not the turn of who it should be", i)
		}
		if limit := d.refusal(step.turn); limit != "" {
			t.Errorf("step %d: refused by %s", i, limit)
		}
	}
	// Without a word from anyone, it is the clock's.
	last, _ := d.shake("192.0.2.1", "last")
	if d.clock == nil {
		t.Error("there is no clock")
	}
	d.now = d.now.Add(handshakeGrace)
	d.tick()
	if limit := d.refusal(last); limit != "" || d.clock != nil {
		t.Errorf("refused by %q; the clock is %v", limit, d.clock)
	}
}

// A flood that began in one moment is not followed by as much in one moment.
func TestTurnsArePaced(t *testing.T) {
	d := newDoor(limits(10, 10, 2, 10))
	for _, name := range []string{"a", "b", "c", "d"} {
		d.shake("192.0.2.1", name)
	}
	for _, want := range [][]string{{"a"}, {"a", "b"}} {
		d.now = d.now.Add(handshakeGrace)
		d.tick()
		d.tick()
		if !slices.Equal(d.ended, want) {
			t.Errorf("ended: %v, want %v", d.ended, want)
		}
	}
}

// A process that has said something may be established, before the listener has heard of
// it: on a busy machine such a connection was ended.
func TestUnheardStay(t *testing.T) {
	d := newDoor(limits(10, 3, 2, 10))
	a, _ := d.shake("192.0.2.1", "a")
	d.shake("192.0.2.1", "b")
	d.now = d.now.Add(handshakeGrace)
	d.unheard = []string{"a", "b"}
	c, _ := d.shake("192.0.2.1", "c")
	if d.ended != nil || c.state != waiting || d.clock == nil {
		t.Errorf("ended: %v; c is %v; the clock is %v", d.ended, c.state, d.clock)
	}
	d.established(a)
	if d.ended != nil || c.state != unfinished {
		t.Errorf("with a place that is free c is %v; ended: %v", c.state, d.ended)
	}
	d.now = d.now.Add(handshakeGrace)
	if _, limit := d.wait("192.0.2.1", "d"); limit != "" || !d.endedByUs(c) || d.ended != nil {
		t.Errorf("d is refused by %q; c has made room: %v; ended: %v", limit, d.endedByUs(c), d.ended)
	}
}

// An address that has left a handshake unfinished has the last turn, and makes
// room at once for others, until it has finished one or some time has passed.
func TestOffenders(t *testing.T) {
	d := newDoor(limits(10, 10, 1, 10))
	bad, _ := d.shake("192.0.2.1", "bad")
	d.over(bad)
	if len(d.offenders) != 1 {
		t.Fatalf("offenders: %v", d.offenders)
	}
	d.shake("192.0.2.1", "bad again")
	if _, limit := d.shake("192.0.2.1", "and again"); limit == "" {
		t.Error("an offender makes room at once for another")
	}
	good, limit := d.shake("192.0.2.2", "good")
	if limit != "" || !slices.Equal(d.ended, []string{"bad again"}) {
		t.Errorf("refused by %q; ended: %v", limit, d.ended)
	}
	if older, limit := d.shake("192.0.2.3", "as good"); limit == "" {
		t.Error("one that is no offender makes room at once")
	} else if d.shake("192.0.2.1", "once more"); d.next() != older {
		t.Error("an offender has the next turn")
	}
	d.established(good)
	d.now = d.now.Add(offenceTime)
	if d.offends(bad) {
		t.Error("it is never forgotten")
	}
}

// A handshake that was finished is none that was left, and clears its address. A client
// without an address is not remembered.
func TestFinishedHandshakes(t *testing.T) {
	d := newDoor(limits(10, 10, 10, 10))
	bad, _ := d.shake("192.0.2.1", "bad")
	d.over(bad)
	good, _ := d.shake("192.0.2.1", "good")
	if d.established(good); d.shakesHands() || d.offends(good) {
		t.Errorf("it shakes hands: %v; offenders: %v", d.shakesHands(), d.offenders)
	}
	d.over(good)
	d.established(good) // word of it can come late
	d.over(good)
	local, _ := d.enter(netip.Prefix{}, func() {})
	if d.queue(local); !d.shakesHands() {
		t.Error("nobody shakes hands")
	}
	d.over(local)
	if len(d.offenders) != 0 || d.processes != 0 || d.room() != 10 || len(d.from) != 0 {
		t.Errorf("offenders: %v; %d processes, from %v", d.offenders, d.processes, d.from)
	}
	if d.endedByUs(good) {
		t.Error("it was ended for another's sake")
	}
}

// At its limit an address makes room among its own, and takes none from another. A
// client without an address has no such limit.
func TestRoomOfOneAddress(t *testing.T) {
	d := newDoor(limits(10, 1, 10, 10))
	d.wait("192.0.2.1", "another's")
	own, _ := d.wait("192.0.2.2", "its own")
	if _, limit := d.wait("192.0.2.2", "its next"); limit != "" || !slices.Equal(d.ended, []string{"its own"}) || !d.endedByUs(own) {
		t.Errorf("refused by %q; ended: %v", limit, d.ended)
	}
	d = newDoor(limits(10, 1, 10, 10))
	d.shake("192.0.2.1", "another's")
	own, _ = d.shake("192.0.2.2", "its own")
	d.established(own)
	d.now = d.now.Add(handshakeGrace)
	if _, limit := d.wait("192.0.2.2", "its next"); limit != "--max-per-address" || d.ended != nil {
		t.Errorf("refused by %q; ended: %v", limit, d.ended)
	}
	for range 3 {
		if _, limit := d.enter(netip.Prefix{}, func() { t.Error("one without an address is ended") }); limit != "" {
			t.Errorf("one without an address is refused by %s", limit)
		}
	}
}

// The limits of the system bound those of the options.
func TestFit(t *testing.T) {
	if allowed := process.ThreadsAllowed(os.Getuid()); allowed >= 0 && allowed < 1000 {
		t.Skip("threads are limited, too")
	}
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	few := unix.Rlimit{Cur: 40 + spareFiles + 2, Max: files.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &files)
	for _, c := range []struct{ given, want invocation.Admission }{
		{limits(5, 100, 4, 3), limits(5, 100, 4, 3)},
		{limits(5, 100, 6, 3), limits(5, 100, 5, 3)},
		{limits(100, 100, 100, 100), limits(20, 100, 10, 10)},
	} {
		if got := fit(c.given, 2); got != c.want {
			t.Errorf("%+v is %+v, want %+v", c.given, got, c.want)
		}
	}
}

func TestOffendersAreBounded(t *testing.T) {
	d := newDoor(limits(10, 10, 10, 10))
	for i := range mostOffenders + 100 {
		d.remember(&visitor{origin: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32)})
	}
	if len(d.offenders) != mostOffenders {
		t.Errorf("%d are remembered", len(d.offenders))
	}
}

// Where only established connections stand, nobody waits for them.
func TestNoWaitForEstablished(t *testing.T) {
	d := newDoor(limits(1, 10, 1, 10))
	first, _ := d.shake("192.0.2.1", "first")
	second, _ := d.shake("192.0.2.1", "second")
	d.established(first)
	select {
	case <-second.turn:
	default:
		t.Error("it waits")
	}
	if limit := d.refusal(second); limit != "--max-connections" {
		t.Errorf("refused by %q", limit)
	}
}

// Those that wait for their first message make room at once, the oldest first,
// and take none from those whose handshake has begun.
func TestWaitingMakeRoom(t *testing.T) {
	d := newDoor(limits(3, 3, 3, 3))
	d.wait("192.0.2.1", "a")
	d.wait("192.0.2.2", "b")
	d.wait("192.0.2.3", "c")
	if _, limit := d.wait("192.0.2.4", "d"); limit != "" || !slices.Equal(d.ended, []string{"a"}) {
		t.Errorf("refused by %q; ended: %v", limit, d.ended)
	}
	if _, limit := d.shake("192.0.2.5", "e"); limit != "" || !slices.Equal(d.ended, []string{"a", "b"}) {
		t.Errorf("refused by %q; ended: %v", limit, d.ended)
	}
	d.makeRoom()
	if !slices.Equal(d.ended, []string{"a", "b", "c"}) {
		t.Errorf("ended: %v", d.ended)
	}
}

// One that is ended between its first message and its process does not get one
// that stays.
func TestEndedBeforeItsProcess(t *testing.T) {
	d := newDoor(limits(1, 1, 1, 1))
	a, _ := d.wait("192.0.2.1", "a")
	d.wait("192.0.2.2", "b")
	d.queue(a)
	if limit := d.refusal(a); limit == "" {
		t.Error("one that has made room begins")
	}
	d = newDoor(limits(1, 1, 1, 1))
	a, _ = d.wait("192.0.2.1", "a")
	d.queue(a)
	d.now = d.now.Add(handshakeGrace)
	d.shake("192.0.2.2", "b")
	d.started(a, func() { d.ended = append(d.ended, "a's process") }, nil)
	if !slices.Equal(d.ended, []string{"a's process"}) {
		t.Errorf("ended: %v", d.ended)
	}
}

// Established connections never make room, and one that has ended does.
func TestEstablishedStay(t *testing.T) {
	d := newDoor(limits(2, 2, 2, 2))
	a, _ := d.shake("192.0.2.1", "a")
	b, _ := d.shake("192.0.2.1", "b")
	d.established(a)
	d.established(b)
	d.now = d.now.Add(time.Hour)
	if _, limit := d.shake("192.0.2.1", "c"); limit == "" || d.ended != nil {
		t.Errorf("a third came in, by %q; ended: %v", limit, d.ended)
	}
	d.over(a)
	d.over(a) // its process has ended, too
	if _, limit := d.shake("192.0.2.1", "d"); limit != "" {
		t.Errorf("refused by %s", limit)
	}
	if _, limit := d.shake("192.0.2.1", "e"); limit == "" {
		t.Error("one departure made room for two")
	}
	d.over(b)
	if d.processes != 1 || len(d.from) != 1 || len(d.unfinished) != 1 || len(d.waiting) != 0 {
		t.Errorf("%d processes, %v, %d unfinished, %d waiting", d.processes, d.from, len(d.unfinished), len(d.waiting))
	}
}

func TestOrigin(t *testing.T) {
	six := func(s string) unix.Sockaddr { return &unix.SockaddrInet6{Addr: netip.MustParseAddr(s).As16()} }
	for _, c := range []struct {
		client unix.Sockaddr
		want   string
	}{
		{&unix.SockaddrInet4{Addr: [4]byte{192, 0, 2, 1}}, "192.0.2.1/32"},
		{six("::ffff:192.0.2.1"), "192.0.2.1/32"},
		{six("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64"},
		{&unix.SockaddrUnix{}, "invalid Prefix"},
		{nil, "invalid Prefix"},
	} {
		if got := originOf(c.client).String(); got != c.want {
			t.Errorf("%v counts as %s, want %s", c.client, got, c.want)
		}
	}
}

// Each message looked at all offenders that were waiting: of 32,000 that took 27 ms, and
// the listener did nothing else.
func TestManyOffendersWait(t *testing.T) {
	const many = 1000
	d := newDoor(limits(2*many, 2*many, 1, 2*many))
	d.shake("192.0.2.1", "first")
	address := func(i int) string { return fmt.Sprintf("198.51.%d.%d", 100+i/250, i%250) }
	looks := 0
	d.admission.now = func() time.Time { looks++; return d.now }
	for i := range many {
		v, _ := d.wait(address(i), "flood")
		d.remember(v)
		d.queue(v)
	}
	if looks > 10*many {
		t.Errorf("%d messages were looked at %d times", many, looks)
	}
	honest, _ := d.wait("203.0.113.1", "honest")
	last, _ := d.wait(address(many), "last")
	d.remember(last)
	d.queue(last)
	d.queue(honest)
	d.now = d.now.Add(handshakeGrace)
	d.tick()
	if honest.state != unfinished || last.state != waiting {
		t.Errorf("honest: %v, the flood's last: %v", honest.state, last.state)
	}
	d.over(honest)
	if last.state != unfinished {
		t.Errorf("the flood's last: %v", last.state)
	}
}
