package pq

// A server may ask for a certificate after the handshake (RFC 8446, section 4.6.2)
// of a client that has offered to answer, as ours does that has one. It gets what
// it would have got in the handshake, and nothing where we have none that it can
// check: the connection goes on, if the server will have it.

// lateRequest is engine.Keys' Request.
type lateRequest = func(msg []byte) (answer func(secret []byte) ([]byte, error), err error)

// lateAnswerer makes one of the handshake that is over: its transcript is what
// every answer goes back to (section 4.4).
func (h *clientHandshake) lateAnswerer() lateRequest {
	before := h.transcript.clone()
	return func(msg []byte) (func([]byte) ([]byte, error), error) {
		r, err := parseCertificateRequest(msg)
		if err != nil {
			return nil, err
		}
		return func(secret []byte) ([]byte, error) {
			return h.lateAnswer(r, msg, before.clone(), secret)
		}, nil
	}
}

func (h *clientHandshake) lateAnswer(r *certificateRequest, msg []byte, t *transcript, secret []byte) (flight []byte, err error) {
	add := func(message []byte, failed error) {
		if err == nil {
			err = failed
		}
		t.add(message)
		flight = append(flight, message...)
	}
	t.add(msg)
	m := certificateMessage{context: r.context}
	id, s := h.selectIdentity(r)
	if id != nil {
		m.chain = shown(id)
	}
	add(m.marshal())
	if id != nil {
		signature, failed := s.sign(id.Key, signedMessage(true, t.sum()))
		if failed != nil {
			return nil, failed
		}
		add((&certificateVerify{s.id, signature}).marshal())
	}
	mac := finishedMAC(h.suite, secret, t.sum())
	add(append([]byte{typeFinished, 0, 0, byte(len(mac))}, mac...), nil)
	return flight, err
}
