//go:build linux

package pump

import (
	"tlsify/engine"
	"tlsify/engine/record"
	"tlsify/stream"
)

// kernelCarrier is an established connection whose records the Linux kernel
// makes and opens: what a descriptor has is spliced to the socket and back, and
// never comes here. What is no application data is still ours to read and to
// answer.
//
// kernel_send.go is the one side, kernel_receive.go the other.
type kernelCarrier struct {
	kernelReceiver
	kernelSender
}

func (c *kernelCarrier) Name() Kind   { return Kernel }
func (c *kernelCarrier) halves() bool { return true }

// newKernelCarrier gives the connection to the kernel. The error is a
// *KernelError where it won't have it; the keys can then be used in another way.
func newKernelCarrier(keys *engine.Keys) (*kernelCarrier, error) {
	sock := descriptor(keys.Stream)
	if number, _ := kernelCipher(keys.Out.Cipher); number == 0 {
		return nil, noKernelTLS("it does not know the cipher %v", keys.Out.Cipher)
	}
	if keys.RecordLimit < record.MaxPlaintext {
		return nil, noKernelTLS("the peer takes no records of more than %d bytes", keys.RecordLimit)
	}
	if err := installULP(sock); err != nil {
		return nil, err
	}
	c := &kernelCarrier{}
	c.kernelSender = kernelSender{sock: sock, key: record.Resume(keys.Out), waits: sock.Blocks()}
	c.turn.Alert = c.sendFatal
	if err := installKey(sock, tlsTX, c.kernelSender.key); err != nil {
		return nil, noKernelTLS("setting a key: %w", err)
	}
	c.kernelReceiver = kernelReceiver{sock: sock, key: record.Resume(keys.In), early: keys.Received, peer: &c.kernelSender}
	c.control = record.Control{Ticket: keys.Ticket, KeyUpdate: c.keyUpdate}
	if len(keys.Received) == 0 {
		if err := c.install(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Socket gives the TCP socket away of a connection that is wholly the kernel's,
// and of which nobody has moved a byte: whoever has it reads and writes
// plaintext, and owes the peer what is no application data. Nil: c is no such
// connection.
func Socket(c Carrier) *stream.FD {
	if k, ok := c.(*kernelCarrier); ok && k.installed {
		return k.kernelSender.sock
	}
	return nil
}
