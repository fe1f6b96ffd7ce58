//go:build linux

package pump

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/engine"
	"tlsify/engine/record"
	"tlsify/stream"
	"tlsify/stream/streamtest"
)

const (
	typeAppData   = record.TypeApplicationData
	typeHandshake = record.TypeHandshake
	typeAlert     = record.TypeAlert
)

var closeNotify = []byte{1, 0}

// onKernel runs a test with a scripted peer and callers of either shape.
func onKernel(t *testing.T, test func(t *testing.T, a *act, w *wire, peer *scriptedPeer)) {
	needKernel(t)
	for _, k := range []streamtest.Kind{streamtest.Kinds[0], streamtest.Kinds[3]} {
		t.Run(k.Name, func(t *testing.T) {
			w := newWire(t, engine.AES128GCM, k.Waiting)
			a := inKernel(t, k, w)
			a.plan.Answer = true
			test(t, a, w, w.scripted(t))
		})
	}
}

// Half-close, either way round: the end of one direction leaves the other.
func TestKernelHalfClose(t *testing.T) {
	onKernel(t, func(t *testing.T, a *act, _ *wire, peer *scriptedPeer) {
		a.begin()
		a.writes("all that I have")
		peer.hears(typeAppData, "all that I have")
		a.finishes()
		peer.hears(typeAlert, string(closeNotify))
		peer.says("much")
		streamtest.WantRead(t, a.out, "much")
		peer.says("more")
		peer.send(typeAlert, closeNotify...)
		streamtest.WantRest(t, a.out, []byte("more"))
		a.over(nil, "closed local", "closed peer")
	})
}

func TestKernelPeerEndsFirst(t *testing.T) {
	onKernel(t, func(t *testing.T, a *act, _ *wire, peer *scriptedPeer) {
		a.begin()
		peer.says("bye")
		peer.send(typeAlert, closeNotify...)
		streamtest.WantRest(t, a.out, []byte("bye"))
		a.writes("wait")
		peer.hears(typeAppData, "wait")
		a.finishes()
		peer.hears(typeAlert, string(closeNotify))
		a.over(nil, "closed peer", "closed local")
	})
}

// An end of the stream is no close_notify, in the middle of a record or not.
func TestKernelTruncation(t *testing.T) {
	for _, rest := range []int{0, 3, 30} {
		onKernel(t, func(t *testing.T, a *act, w *wire, peer *scriptedPeer) {
			a.begin()
			peer.says("half a rep")
			peer.raw(peer.record(typeAppData, streamtest.Noise(100))[:rest])
			w.socket.CloseWrite()
			streamtest.WantRest(t, a.out, []byte("half a rep"))
			a.over(engine.ErrTruncated, "truncated: "+engine.ErrTruncated.Error())
			// Nor is the peer told of a clean end.
			w.network.Close()
			if n, err := w.socket.Read(make([]byte, 1)); n > 0 || err != io.EOF && !errors.Is(err, unix.ECONNRESET) {
				t.Errorf("the peer reads %d bytes, %v", n, err)
			}
		})
	}
}

func TestKernelReset(t *testing.T) {
	onKernel(t, func(t *testing.T, a *act, w *wire, _ *scriptedPeer) {
		a.begin()
		w.socket.SetLinger(0)
		w.socket.Close()
		streamtest.WantRest(t, a.out, nil)
		err := streamtest.Soon(t, "Run", a.done)
		if blame := new(engine.TransportError); !errors.As(err, &blame) || !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("Run returned %v", err)
		}
	})
}

// A reset that the writer was told of is none of an end of file.
func TestKernelResetToldToWriter(t *testing.T) {
	needKernel(t)
	w := newWire(t, engine.AES128GCM, false)
	c, err := newKernelCarrier(w.keys)
	if err != nil {
		t.Fatal(err)
	}
	w.socket.SetLinger(0)
	w.socket.Close()
	from, to := streamtest.Kinds[0].Flow(t)
	in := newFD(t, to)
	for told := false; !told; {
		unix.Write(from, []byte("x"))
		if _, err := c.take(in); err != nil {
			t.Fatal(err)
		}
		told = c.send() != nil
	}
	if err := c.closeWrite(); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("close_notify went out: %v", err)
	}
	if err := c.receive(); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("reading ended with %v", err)
	}
}

// A reset that is told behind a record is one as well where the record could not be
// spliced on: there it was taken for an end of file, which --tolerate-truncation forgives.
func TestKernelResetBehindData(t *testing.T) {
	needKernel(t)
	w := newWire(t, engine.AES128GCM, false)
	a := inKernel(t, streamtest.Kinds[0], w)
	out, err := unix.Open(filepath.Join(t.TempDir(), "out"), unix.O_WRONLY|unix.O_CREAT|unix.O_APPEND|unix.O_CLOEXEC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	streamtest.CloseLater(t, out)
	a.plan.Out, a.plan.Report = newFD(t, out), func(Event, error) {}
	w.scripted(t).says(string(streamtest.Noise(record.MaxPlaintext))) // a full one: more is asked for
	w.socket.SetLinger(0)
	w.socket.Close()
	a.begin()
	if err := streamtest.Soon(t, "Run", a.done); !errors.Is(err, unix.ECONNRESET) {
		t.Errorf("Run returned %v", err)
	}
}

// What cannot be spliced on is written, and what cannot be written is told of.
func TestKernelFullOutput(t *testing.T) {
	needKernel(t)
	w := newWire(t, engine.AES128GCM, false)
	a := inKernel(t, streamtest.Kinds[0], w)
	out, err := unix.Open("/dev/full", unix.O_WRONLY|unix.O_APPEND|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	streamtest.CloseLater(t, out)
	a.plan.Out, a.plan.Report = newFD(t, out), func(Event, error) {}
	peer := w.scripted(t)
	peer.says("more than fits")
	peer.send(typeAlert, closeNotify...)
	a.begin()
	a.in.Close()
	if err := streamtest.Soon(t, "Run", a.done); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("Run returned %v", err)
	}
}

// ticket is a NewSessionTicket message of a kind.
var ticket = append([]byte{4, 0, 0, 40}, streamtest.Noise(40)...)

// Tickets and records that carry nothing stand between records with data, and
// a message may be cut in pieces.
func TestKernelTickets(t *testing.T) {
	onKernel(t, func(t *testing.T, a *act, w *wire, peer *scriptedPeer) {
		var tickets int
		w.keys.Ticket = func(msg []byte) error {
			if string(msg) != string(ticket) {
				t.Errorf("ticket %x", msg)
			}
			tickets++
			return nil
		}
		a.plan.Carrier.(*kernelCarrier).control.Ticket = w.keys.Ticket
		a.begin()
		peer.send(typeHandshake, append(ticket, ticket...)...)
		peer.says("one ")
		peer.send(typeAppData)
		peer.send(typeHandshake, ticket[:10]...)
		peer.send(typeHandshake, ticket[10:]...)
		peer.send(typeAppData)
		peer.send(typeAppData)
		peer.says("two ")
		streamtest.WantRead(t, a.out, "one two ")
		peer.send(typeAppData)
		peer.says("three")
		peer.send(typeAlert, 1, byte(engine.AlertUserCanceled))
		peer.send(typeAlert, closeNotify...)
		streamtest.WantRest(t, a.out, []byte("three"))
		a.finishes()
		peer.hears(typeAlert, string(closeNotify))
		if a.over(nil, "closed peer", "closed local"); tickets != 3 {
			t.Errorf("%d tickets", tickets)
		}
	})
}

// A full record has others behind it, mostly. It is delivered where there are none; and
// what ends the splicing behind it, as a ticket, ends no more than that.
func TestKernelFullRecords(t *testing.T) {
	onKernel(t, func(t *testing.T, a *act, _ *wire, peer *scriptedPeer) {
		full := streamtest.Noise(record.MaxPlaintext)
		a.begin()
		peer.says(string(full))
		streamtest.WantRead(t, a.out, string(full))
		for range 2 {
			peer.raw(append(peer.record(typeAppData, full), peer.record(typeHandshake, ticket)...))
			streamtest.WantRead(t, a.out, string(full))
			peer.says("more")
			streamtest.WantRead(t, a.out, "more")
		}
		peer.send(typeAlert, closeNotify...)
		streamtest.WantRest(t, a.out, nil)
		a.finishes()
		peer.hears(typeAlert, string(closeNotify))
		a.over(nil, "closed peer", "closed local")
	})
}

// Padding is nobody's data.
func TestKernelPadding(t *testing.T) {
	onKernel(t, func(t *testing.T, a *act, _ *wire, peer *scriptedPeer) {
		a.begin()
		// An inner plaintext of our own, whose last byte is not the type.
		inner := append([]byte("padded"), byte(typeAppData))
		peer.raw(peer.record(0, append(inner, make([]byte, 200)...)))
		streamtest.WantRead(t, a.out, "padded")
		inner = append(closeNotify, byte(typeAlert))
		peer.raw(peer.record(0, append(inner, make([]byte, 200)...)))
		streamtest.WantRest(t, a.out, nil)
		a.finishes()
		a.over(nil, "closed peer", "closed local")
	})
}

func TestKernelAlert(t *testing.T) {
	onKernel(t, func(t *testing.T, a *act, _ *wire, peer *scriptedPeer) {
		a.begin()
		peer.says("before")
		peer.send(typeAlert, 2, byte(engine.AlertInternalError))
		streamtest.WantRest(t, a.out, []byte("before"))
		err := streamtest.Soon(t, "Run", a.done)
		if alert := new(engine.AlertError); !errors.As(err, &alert) || alert.Alert != engine.AlertInternalError {
			t.Errorf("Run returned %v", err)
		}
	})
}

// What the peer should not send ends the stream behind all that came before,
// and the peer is told why.
func TestKernelBadRecords(t *testing.T) {
	for _, row := range []struct {
		name  string
		bad   func(peer *scriptedPeer) []byte
		alert engine.Alert
	}{
		{"forged", func(peer *scriptedPeer) []byte {
			rec := peer.record(typeAppData, streamtest.Noise(100))
			rec[50] ^= 1
			return rec
		}, engine.AlertBadRecordMAC},
		{"long", func(*scriptedPeer) []byte { return append([]byte{23, 3, 3, 0x7f, 0xff}, streamtest.Noise(1<<15)...) }, engine.AlertRecordOverflow},
		{"foreign", func(*scriptedPeer) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") }, 0},
		{"handshake", func(peer *scriptedPeer) []byte { return peer.record(typeHandshake, []byte{8, 0, 0, 0}) }, engine.AlertUnexpectedMessage},
		{"interleaved", func(peer *scriptedPeer) []byte {
			return append(peer.record(typeHandshake, ticket[:10]), peer.record(typeAppData, []byte("x"))...)
		}, engine.AlertUnexpectedMessage},
		{"bad alert", func(peer *scriptedPeer) []byte { return peer.record(typeAlert, []byte{1}) }, engine.AlertDecodeError},
		{"type 99", func(peer *scriptedPeer) []byte { return peer.record(99, []byte{1}) }, engine.AlertUnexpectedMessage},
	} {
		t.Run(row.name, func(t *testing.T) {
			onKernel(t, func(t *testing.T, a *act, _ *wire, peer *scriptedPeer) {
				a.begin()
				before := streamtest.Noise(2 * record.MaxPlaintext) // full records: more of them may be spliced at once
				peer.says(string(before[:record.MaxPlaintext]))
				peer.says(string(before[record.MaxPlaintext:]))
				peer.raw(row.bad(peer))
				streamtest.WantRest(t, a.out, before)
				wantPeerFault(t, streamtest.Soon(t, "Run", a.done))
				got, err := peer.next()
				if err != nil || got.t != typeAlert || row.alert != 0 && string(got.content) != string([]byte{2, byte(row.alert)}) {
					a.Errorf("the peer got record %v %v, %v; want alert %v", got.t, got.content, err, row.alert)
				}
			})
		})
	}
}

// A peer that sends records without data is not idle, whatever carries them.
func TestKernelRecordsWithoutData(t *testing.T) {
	onKernel(t, func(t *testing.T, a *act, _ *wire, peer *scriptedPeer) { comesWithoutData(a, peer) })
}

func comesWithoutData(a *act, peer *scriptedPeer) {
	a.plan.Idle = 20 * streamtest.Beat
	begin := time.Now()
	a.begin()
	for range 6 {
		time.Sleep(10 * streamtest.Beat)
		peer.send(typeAppData)
	}
	streamtest.WantRest(a, a.out, nil)
	a.over(ErrIdle, "failed: "+ErrIdle.Error())
	if took := time.Since(begin); took < 80*streamtest.Beat {
		a.Errorf("it ended after %v", took)
	}
}

// updates is the peer's KeyUpdate.
func (p *scriptedPeer) updates(request byte) {
	p.send(typeHandshake, 24, 0, 0, 1, request)
	p.sealer.Update()
}

// A KeyUpdate of the peer's is followed by kernels that can. Others end the
// stream there, with no wrong byte.
func TestKernelKeyUpdate(t *testing.T) {
	rekeys := needKernel(t)
	onKernel(t, func(t *testing.T, a *act, _ *wire, peer *scriptedPeer) {
		a.begin()
		peer.says("old ")
		peer.updates(1)
		peer.says("new ")
		if !rekeys {
			streamtest.WantRest(t, a.out, []byte("old "))
			err := streamtest.Soon(t, "Run", a.done)
			if wantPeerFault(t, err); !errors.Is(err, errNoRekey) {
				a.Errorf("Run returned %v", err)
			}
			peer.hears(typeAlert, string([]byte{2, byte(engine.AlertInternalError)}))
			return
		}
		streamtest.WantRead(t, a.out, "old new ")
		a.writes("answer")
		peer.hears(typeHandshake, record.KeyUpdate)
		peer.opener.Update()
		peer.hears(typeAppData, "answer")
		for range 3 {
			peer.updates(0)
			peer.says("newer ")
			streamtest.WantRead(t, a.out, "newer ")
		}
		peer.updates(1)
		peer.send(typeAlert, closeNotify...)
		streamtest.WantRest(t, a.out, nil)
		a.finishes()
		got, err := peer.next()
		if err == nil && got.t == typeHandshake {
			peer.opener.Update()
			got, err = peer.next()
		}
		if err != nil || got.t != typeAlert {
			a.Errorf("record %v, %v", got.t, err)
		}
		a.over(nil, "closed peer", "closed local")
	})
}

// A key of ours that has protected as many records as it may is followed by
// another. A kernel that can't do that ends the stream.
func TestKernelSpentKey(t *testing.T) {
	rekeys := needKernel(t)
	onKernelFrom := func(name string, cipher engine.Cipher, sequence uint64, test func(a *act, peer *scriptedPeer)) {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, cipher, false)
			w.keys.Out.Sequence, w.in.Sequence = sequence, sequence
			a := inKernel(t, streamtest.Kinds[0], w)
			a.plan.Carrier.(*kernelCarrier).calls = lookEvery // it is time to look
			test(a.begin(), w.scripted(t))
		})
	}
	const limit = 1 << 24
	for _, cipher := range kernelSuites { // the kernel has code for each
		onKernelFrom("fresh "+cipher.String(), cipher, limit-2*lookEvery*callRecords, func(a *act, peer *scriptedPeer) {
			a.writes("fresh")
			peer.hears(typeAppData, "fresh")
			if n, err := kernelSequence(a.plan.Network.(*stream.FD), a.plan.Carrier.(*kernelCarrier).kernelSender.key); err != nil || n != limit-2*lookEvery*callRecords+1 {
				a.Errorf("sequence number %d, %v", n, err)
			}
		})
	}
	onKernelFrom("spent", engine.AES128GCM, limit-lookEvery*callRecords, func(a *act, peer *scriptedPeer) {
		a.writes("spent")
		if !rekeys {
			peer.send(typeAlert, closeNotify...)
			if err := streamtest.Soon(t, "Run", a.done); !errors.Is(err, errNoRekey) {
				a.Errorf("Run returned %v", err)
			}
			return
		}
		peer.hears(typeHandshake, record.KeyUpdate)
		peer.opener.Update()
		peer.hears(typeAppData, "spent")
		a.writes("again")
		peer.hears(typeAppData, "again")
	})
	if !rekeys {
		return
	}
	// One that the peer has asked for is not forgotten over the look.
	onKernelFrom("asked", engine.AES128GCM, 0, func(a *act, peer *scriptedPeer) {
		peer.updates(1)
		peer.says("new")
		streamtest.WantRead(a, a.out, "new")
		a.writes("answer")
		peer.hears(typeHandshake, record.KeyUpdate)
		peer.opener.Update()
		peer.hears(typeAppData, "answer")
	})
}

// What was read before the take-over is opened here: tickets, data, and the
// beginning of a record, of which the rest comes later.
func TestKernelEarly(t *testing.T) {
	rekeys := needKernel(t)
	for _, cut := range []int{0, 1, 5, 6, 60} {
		w := newWire(t, engine.AES256GCM, false)
		peer := w.scripted(t)
		early := append(peer.record(typeHandshake, ticket), peer.record(typeAppData, []byte("one "))...)
		if rekeys {
			early = append(early, peer.record(typeHandshake, []byte(record.KeyUpdate))...)
			peer.sealer.Update()
		}
		last := peer.record(typeAppData, streamtest.Noise(100))
		w.keys.Received = append(early, last[:cut]...)
		a := inKernel(t, streamtest.Kinds[0], w)
		a.plan.Answer = true
		if Socket(a.plan.Carrier) != nil {
			t.Error("the socket alone would be without what was read from it")
		}
		a.begin()
		streamtest.WantRead(t, a.out, "one ")
		peer.raw(last[cut:])
		peer.says("two ")
		streamtest.WantRead(t, a.out, string(streamtest.Noise(100))+"two ")
		peer.send(typeAlert, closeNotify...)
		streamtest.WantRest(t, a.out, nil)
		a.finishes()
		a.over(nil, "closed peer", "closed local")
	}
	t.Run("truncated", func(t *testing.T) {
		w := newWire(t, engine.AES256GCM, false)
		w.keys.Received = w.scripted(t).record(typeAppData, streamtest.Noise(100))[:50]
		a := inKernel(t, streamtest.Kinds[0], w).begin()
		w.socket.CloseWrite()
		a.over(engine.ErrTruncated, "truncated: "+engine.ErrTruncated.Error())
	})
}

// A full network and a stop: a socket that blocks is left to the process's
// end, another one is not.
func TestKernelContext(t *testing.T) {
	needKernel(t)
	for _, k := range []streamtest.Kind{streamtest.Kinds[0], streamtest.Kinds[3]} {
		w := newWire(t, engine.AES128GCM, false)
		a := inKernel(t, k, w).begin()
		go a.in.Write(streamtest.TooMuch)
		a.cancel(errAlert)
		a.over(errAlert)
		a.in.Close()
	}
}

// Behind our close_notify nothing of ours follows: no alert, and no new key.
func TestKernelNothingBehindTheEnd(t *testing.T) {
	onKernel(t, func(t *testing.T, a *act, w *wire, peer *scriptedPeer) {
		a.begin()
		a.finishes()
		peer.hears(typeAlert, string(closeNotify))
		if err := Rekey(a.plan.Carrier); err == nil {
			t.Error("a new key after close_notify")
		}
		peer.send(99, 1)
		wantPeerFault(t, streamtest.Soon(t, "Run", a.done))
		w.network.Close()
		if got, err := peer.next(); got.t != 0 || err != nil && !errors.Is(err, unix.ECONNRESET) {
			t.Errorf("the peer got record %v %q, %v", got.t, got.content, err)
		}
	})
}

// What a program does not read is dropped, however much it is, and what else the
// peer says is heard.
func TestKernelProgDoesNotRead(t *testing.T) {
	needKernel(t)
	w := newWire(t, engine.AES128GCM, false)
	a, peer := inKernel(t, streamtest.Kinds[0], w), w.scripted(t)
	a.plan.Answer, a.plan.Prog = true, true
	a.begin()
	peer.says("hello")
	streamtest.WantRead(t, a.out, "hello")
	a.stopsReading()
	for range 100 { // more than a pipe of ours holds
		peer.says("nobody reads it")
	}
	peer.send(typeHandshake, ticket...)
	peer.send(typeAlert, closeNotify...)
	a.writes("still here")
	peer.hears(typeAppData, "still here")
	closed := func() bool {
		a.mu.Lock()
		defer a.mu.Unlock()
		return slices.Contains(a.reports, "closed peer")
	}
	for began := time.Now(); !closed(); time.Sleep(streamtest.Beat) {
		if time.Since(began) > streamtest.Patience {
			t.Fatal("the peer's close_notify was not come to")
		}
	}
	a.finishes()
	peer.hears(typeAlert, string(closeNotify))
	if err := streamtest.Soon(t, "Run", a.done); err != nil {
		t.Errorf("Run returned %v", err)
	}
}

// A new key of ours asks for the peer's. A kernel that takes none sends nothing, and
// goes on.
func TestKernelRekeyAsks(t *testing.T) {
	rekeys := needKernel(t)
	onKernel(t, func(t *testing.T, a *act, _ *wire, peer *scriptedPeer) {
		a.begin()
		a.writes("old")
		peer.hears(typeAppData, "old")
		if err := Rekey(a.plan.Carrier); rekeys != (err == nil) {
			t.Fatal(err)
		}
		if rekeys {
			peer.hears(typeHandshake, record.KeyUpdateRequest)
			peer.opener.Update()
			peer.updates(0)
		}
		a.writes("new")
		peer.hears(typeAppData, "new")
		peer.says("and back")
		streamtest.WantRead(t, a.out, "and back")
	})
}

// fullKernel is a connection of the kernel's that has room for nothing more, and what
// sends another record on it.
func fullKernel(t *testing.T) (w *wire, c *kernelCarrier, fill func() (bool, error)) {
	w = newWire(t, engine.AES128GCM, false)
	c, err := newKernelCarrier(w.keys)
	if err != nil {
		t.Fatal(err)
	}
	unix.SetsockoptInt(w.network.Number(), unix.SOL_SOCKET, unix.SO_SNDBUF, 1<<16)
	w.socket.SetReadBuffer(1 << 16)
	fill = func() (bool, error) {
		n, err := unix.SendmsgN(w.network.Number(), streamtest.Noise(record.MaxPlaintext), nil, nil, unix.MSG_DONTWAIT)
		return n > 0, err
	}
	for full := 0; full < 5; full++ { // what is on its way makes room when it is there
		for {
			if _, err = c.takeTurn(fill); err != nil {
				break
			}
			full = 0
		}
		if err != unix.EAGAIN {
			t.Fatalf("a full socket said %v", err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	return w, c, fill
}

// A close_notify that finds no room is sent when there is some.
func TestKernelCloseNotifyFindsNoRoom(t *testing.T) {
	needKernel(t)
	w, c, _ := fullKernel(t)
	sent := streamtest.Started(c.closeWrite)
	peer := w.scripted(t)
	got, err := peer.next()
	for err == nil && got.t == typeAppData {
		got, err = peer.next()
	}
	if err != nil || got.t != typeAlert || string(got.content) != string(closeNotify) {
		t.Errorf("behind the data: record %v, %v", got.t, err)
	}
	if err := streamtest.Soon(t, "close_notify", sent); err != nil {
		t.Error(err)
	}
}

// A KeyUpdate that is owed and finds no room is sent when there is some.
func TestKernelKeyUpdateFindsNoRoom(t *testing.T) {
	if !needKernel(t) {
		t.Skip("this kernel takes no other key")
	}
	w, c, fill := fullKernel(t)
	c.turn.UpdateKey()
	if _, err := c.takeTurn(fill); err != unix.EAGAIN {
		t.Fatalf("a full socket said %v", err)
	}
	sent := streamtest.Started(func() error { return c.turns(fill) })
	peer, records := w.scripted(t), 0
	for updated := false; !updated; records++ {
		got, err := peer.next()
		if err != nil || got.t == 0 {
			t.Fatalf("after %d records: %v, %v", records, got.t, err)
		}
		updated = got.t == typeHandshake
	}
	peer.opener.Update()
	if got, err := peer.next(); err != nil || got.t != typeAppData {
		t.Errorf("behind the KeyUpdate: record %v, %v", got.t, err)
	}
	if err := streamtest.Soon(t, "sending", sent); err != nil {
		t.Error(err)
	}
}

// A caller that has gone is noticed by what the peer sends.
func TestKernelCallerGone(t *testing.T) {
	onKernel(t, func(t *testing.T, a *act, _ *wire, peer *scriptedPeer) {
		a.begin()
		peer.says("hello")
		streamtest.WantRead(t, a.out, "hello")
		a.leaves()
		peer.says("too late")
		peer.hears(typeAlert, string(closeNotify))
		// On a busy machine the moment is over before, and nobody misses anything.
		var local *LocalError
		if err := streamtest.Soon(t, "Run", a.done); err != nil && !errors.As(err, &local) {
			t.Errorf("Run returned %v", err)
		}
	})
}
