package enginetest

import (
	"bytes"
	"encoding/hex"
	"net"
	"strings"

	"tlsify/engine"
	"tlsify/engine/record"
)

// SendTickets sends n tickets in one record, as the server of TLS 1.3 on c whose
// handshake has left this log of its keys, and which has sent nothing since.
func SendTickets(c net.Conn, n int, cipher engine.Cipher, log string) {
	_, line, _ := strings.Cut(log, "SERVER_TRAFFIC_SECRET_0 ")
	secret, _ := hex.DecodeString(strings.Fields(line)[1])
	// The least that a ticket can be (RFC 8446, section 4.6.1).
	ticket := []byte{4, 0, 0, 14, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 't', 0, 0}
	slot := make([]byte, n*len(ticket)+record.Overhead)
	copy(slot[record.HeaderLen:], bytes.Repeat(ticket, n))
	c.Write(record.Resume(engine.TrafficKey{Cipher: cipher, Secret: secret}).Seal(slot, n*len(ticket), record.TypeHandshake))
}
