package utls

import (
	"crypto/ecdh"
	"crypto/mlkem"
	"crypto/rand"
	"fmt"

	tls "github.com/refraction-networking/utls"
)

// keyShares are the private keys of the shares in a ClientHello, by group. The
// library would keep only the first of several.
type keyShares map[tls.CurveID]*tls.KeySharePrivateKeys

// generate fills in the shares, but those of GREASE. oneX25519 has one key of
// X25519 serve all groups that want one.
func (k keyShares) generate(shares []tls.KeyShare, oneX25519 bool) error {
	var x25519 *ecdh.PrivateKey
	for i := range shares {
		group := shares[i].Group
		if isGREASE(uint16(group)) {
			continue
		}
		public, private, err := newKey(group, x25519)
		if err != nil {
			return err
		}
		if k[group] != nil {
			return fmt.Errorf("two key shares for group 0x%04x", uint16(group))
		}
		shares[i].Data, k[group] = public, private
		if oneX25519 && private.Ecdhe.Curve() == ecdh.X25519() {
			x25519 = private.Ecdhe
		}
	}
	return nil
}

// any is the keys of one of the shares, for a beginning: the server's choice
// replaces it.
func (k keyShares) any() *tls.KeySharePrivateKeys {
	for _, keys := range k {
		return keys
	}
	return nil
}

// newKey makes a key pair for a group. The two hybrids are X25519 with
// ML-KEM-768, in either order. Its X25519 key is x25519, where that is not nil.
func newKey(group tls.CurveID, x25519 *ecdh.PrivateKey) (public []byte, private *tls.KeySharePrivateKeys, err error) {
	var curve ecdh.Curve
	switch group {
	case tls.X25519, tls.X25519MLKEM768, tls.X25519Kyber768Draft00:
		curve = ecdh.X25519()
	case tls.CurveP256:
		curve = ecdh.P256()
	case tls.CurveP384:
		curve = ecdh.P384()
	case tls.CurveP521:
		curve = ecdh.P521()
	default:
		return nil, nil, fmt.Errorf("the key share for group 0x%04x", uint16(group))
	}
	classical := x25519
	if classical == nil || curve != ecdh.X25519() {
		if classical, err = curve.GenerateKey(rand.Reader); err != nil {
			return nil, nil, err
		}
	}
	public = classical.PublicKey().Bytes()
	private = &tls.KeySharePrivateKeys{CurveID: group, Ecdhe: classical}
	if group != tls.X25519MLKEM768 && group != tls.X25519Kyber768Draft00 {
		return public, private, nil
	}
	if private.Mlkem, err = mlkem.GenerateKey768(); err != nil {
		return nil, nil, err
	}
	private.MlkemEcdhe = classical
	if group == tls.X25519MLKEM768 {
		return append(private.Mlkem.EncapsulationKey().Bytes(), public...), private, nil
	}
	return append(public, private.Mlkem.EncapsulationKey().Bytes()...), private, nil
}
