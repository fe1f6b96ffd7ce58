package pq

import (
	"crypto/hkdf"
	"crypto/hmac"
	"fmt"
	"hash"
	"io"

	"tlsify/engine/record"
)

// keySchedule is RFC 8446, section 7.1: it holds the secret of one stage
// (early, handshake, master) and goes down the stages, never back.
type keySchedule struct {
	suite  *record.Suite
	secret []byte
}

// newKeySchedule begins with the early secret; a nil psk is none.
func newKeySchedule(suite *record.Suite, psk []byte) *keySchedule {
	k := &keySchedule{suite: suite}
	k.extract(psk, nil)
	return k
}

// extract makes this stage's secret; a nil input stands for zeros.
func (k *keySchedule) extract(input, salt []byte) {
	if input == nil {
		input = make([]byte, k.suite.Hash().Size())
	}
	secret, err := hkdf.Extract(k.suite.Hash, input, salt)
	if err != nil {
		panic("pq: " + err.Error()) // only where the runtime forbids the hash
	}
	clear(k.secret)
	k.secret = secret
}

// advance goes on to the next stage, with its input; nil stands for zeros.
func (k *keySchedule) advance(input []byte) {
	k.extract(input, k.derive("derived", k.suite.Hash().Sum(nil)))
}

// derive is Derive-Secret, with the transcript's hash already computed.
func (k *keySchedule) derive(label string, transcript []byte) []byte {
	return k.suite.ExpandLabel(k.secret, label, transcript, k.suite.Hash().Size())
}

// finishedMAC is a Finished's verify_data, or a PSK binder (RFC 8446, sections
// 4.4.4 and 4.2.11.2).
func finishedMAC(suite *record.Suite, base, transcript []byte) []byte {
	key := suite.ExpandLabel(base, "finished", nil, suite.Hash().Size())
	mac := hmac.New(suite.Hash, key)
	mac.Write(transcript)
	return mac.Sum(nil)
}

// resumptionPSK is the secret that goes with a ticket (RFC 8446, section 4.6.1).
func resumptionPSK(suite *record.Suite, master, nonce []byte) []byte {
	return suite.ExpandLabel(master, "resumption", nonce, suite.Hash().Size())
}

// exportKeyingMaterial is RFC 8446, section 7.5. An absent context is an empty
// one.
func exportKeyingMaterial(suite *record.Suite, master []byte, label string, context []byte, length int) ([]byte, error) {
	size := suite.Hash().Size()
	if length < 0 || length > 255*size || length > 1<<16-1 {
		return nil, fmt.Errorf("cannot export %d bytes", length)
	}
	if len(label) > 249 {
		return nil, fmt.Errorf("an exporter label of %d bytes is too long", len(label))
	}
	secret := suite.ExpandLabel(master, label, suite.Hash().Sum(nil), size)
	h := suite.Hash()
	h.Write(context)
	return suite.ExpandLabel(secret, "exporter", h.Sum(nil), length), nil
}

// transcript is the running hash over the handshake's messages (RFC 8446,
// section 4.4.1).
type transcript struct{ h hash.Hash }

func newTranscript(suite *record.Suite) *transcript { return &transcript{suite.Hash()} }

func (t *transcript) add(message []byte) { t.h.Write(message) }
func (t *transcript) sum() []byte        { return t.h.Sum(nil) }

// with gives the hash with one more piece, which is not added.
func (t *transcript) with(piece []byte) []byte {
	c := t.clone()
	c.add(piece)
	return c.sum()
}

func (t *transcript) clone() *transcript {
	h, err := t.h.(hash.Cloner).Clone() // every hash of the standard library has it
	if err != nil {
		panic("pq: " + err.Error())
	}
	return &transcript{h}
}

// retried replaces the first ClientHello by its hash, as a HelloRetryRequest
// has it, so that a server need not keep it.
func (t *transcript) retried() {
	first := t.h.Sum(nil)
	t.h.Reset()
	t.h.Write([]byte{typeMessageHash, 0, 0, byte(len(first))})
	t.h.Write(first)
}

// keyLog writes one line of the NSS key log format.
func keyLog(w io.Writer, label string, clientRandom, secret []byte) error {
	if w == nil {
		return nil
	}
	_, err := fmt.Fprintf(w, "%s %x %x\n", label, clientRandom, secret)
	return err
}
