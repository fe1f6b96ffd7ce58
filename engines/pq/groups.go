package pq

import (
	"github.com/cloudflare/circl/kem/frodo/frodo640shake"
	"github.com/cloudflare/circl/kem/kyber/kyber512"
	"github.com/cloudflare/circl/kem/kyber/kyber768"
	"github.com/cloudflare/circl/kem/mlkem/mlkem512"
	"github.com/cloudflare/circl/kem/xwing"

	"tlsify/engine"
)

// A group is a key exchange: a named way to come to a shared secret with one
// message in each direction, seen as a KEM. The client generates and
// decapsulates; the server encapsulates.
type group struct {
	id   uint16
	name string
	kem
}

var (
	mlkem512KEM = fromScheme(mlkem512.Scheme())
	kyber768KEM = fromScheme(kyber768.Scheme())
)

// groups are all that we have, in our order of preference. Those before the
// line are the defaults; the others are used only when they are named. To add
// one is to add a row: the code points from 0xfe00 to 0xfeff are for private
// use (RFC 8446, section 4.2.7), and fromScheme makes a kem of anything that
// implements circl's kem.Scheme. FrodoKEM's and X25519Kyber512Draft00's are those
// of others who have tried them (efrodo640shake of the Open Quantum Safe project,
// and Cloudflare).
var groups = []group{
	{0x11ec, "X25519MLKEM768", hybrid(mlkem768Std, x25519)},
	{0x11eb, "SecP256r1MLKEM768", hybrid(p256, mlkem768Std)},
	{0x11ed, "SecP384r1MLKEM1024", hybrid(p384, mlkem1024Std)},
	{0x001d, "x25519", x25519},
	{0x0017, "secp256r1", p256},
	{0x0018, "secp384r1", p384},
	{0x0019, "secp521r1", p521},
	// by name only
	{0x0201, "MLKEM768", mlkem768Std},
	{0x0202, "MLKEM1024", mlkem1024Std},
	{0x0200, "MLKEM512", mlkem512KEM},
	{0x001e, "x448", x448KEM},
	{0x2f4b, "p256_mlkem512", hybrid(p256, mlkem512KEM)},
	{0x2f4c, "p384_mlkem768", hybrid(p384, mlkem768Std)},
	{0x2f4d, "p521_mlkem1024", hybrid(p521, mlkem1024Std)},
	{0x2fb6, "x25519_mlkem512", hybrid(mlkem512KEM, x25519)},
	{0x2fb7, "x448_mlkem768", hybrid(mlkem768Std, x448KEM)},
	{0x6399, "X25519Kyber768Draft00", hybrid(x25519, kyber768KEM)},
	{0x639a, "SecP256r1Kyber768Draft00", hybrid(p256, kyber768KEM)},
	{0xfe30, "X25519Kyber512Draft00", hybrid(x25519, fromScheme(kyber512.Scheme()))},
	{0xfe01, "X-Wing", fromScheme(xwing.Scheme())},
	{0xfe03, "FrodoKEM-640-SHAKE", fromScheme(frodo640shake.Scheme())},
}

// defaultGroups is how many of groups are used without being named.
const defaultGroups = 7

// groupByID gives the group of that code point out of list, or nil.
func groupByID(list []*group, id uint16) *group {
	for _, g := range list {
		if g.id == id {
			return g
		}
	}
	return nil
}

// resolveGroups gives the groups that a configuration allows, in its order.
func resolveGroups(e engine.Engine, c *engine.Config) ([]*group, error) {
	names, err := c.ResolveGroups(e)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if !c.Profile.AllowsGroup(name) {
			return nil, unsupported("group " + name + ", which --min-security " + c.Profile.Name + " does not allow")
		}
	}
	list := make([]*group, 0, len(names))
	for _, name := range names {
		for i := range groups {
			if groups[i].name == name {
				list = append(list, &groups[i])
			}
		}
	}
	return list, nil
}

// firstShares picks the groups that a client sends key shares for before it
// knows what its server has: the most preferred one, and the most preferred of
// the other kind, because servers insist on a post-quantum group or have
// nothing but classical ones.
func firstShares(list []*group) []*group {
	shares := list[:1:1]
	for _, g := range list {
		if g.classical != list[0].classical {
			return append(shares, g)
		}
	}
	return shares
}

// groupIDs gives code points, for the wire.
func groupIDs(list []*group) []uint16 {
	ids := make([]uint16, len(list))
	for i, g := range list {
		ids[i] = g.id
	}
	return ids
}
