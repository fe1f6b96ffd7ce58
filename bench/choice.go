package bench

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strings"
)

// A Choice is what somebody wants to know, in place of everything: these groups,
// with chains of these keys, under these suites, over these lines, and so many
// connections at a time. What is empty is as usual. Where Handshakes is not 0 it
// is so many of the handshakes alone, of a client that is no program of its own.
type Choice struct {
	Groups   []string
	Keys     []KeyKind
	Ciphers  []string
	Links    []Link
	Parallel int

	Handshakes int
	Pairs      []Pair // in place of every group with every key
}

// A Pair is a group with a chain.
type Pair struct {
	Group string
	Key   KeyKind
}

// AllKeys are the kinds of chains that a server can have.
var AllKeys = slices.Concat(Keys, []KeyKind{KeyP256Alone, KeyMLDSA44Alone, KeyMLDSA65Alone, KeyMLDSA87Alone})

// Keys are those of a long run.
var Keys = []KeyKind{KeyP256, KeyRSA, KeyMLDSA44, KeyMLDSA65, KeyMLDSA87, KeyMTC1, KeyMTC3, KeyMTCMark}

// ciphers are the suites that the server can be made to choose, by their names:
// crypto/tls leaves no other choice under TLS 1.3.
var ciphers = []struct {
	name string
	kind ServerKind
}{
	{"TLS_AES_128_GCM_SHA256", ServerKind{Key: KeyP256, Version: tls.VersionTLS13}},
	{"TLS_CHACHA20_POLY1305_SHA256", ServerKind{Key: KeyP256, Version: tls.VersionTLS13, Debug: noAES}},
	{"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", tls12(tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)},
	{"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", tls12(tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384)},
	{"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", tls12(tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256)},
}

func tls12(suite uint16) ServerKind {
	return ServerKind{Key: KeyP256, Version: tls.VersionTLS12, Suite: suite}
}

// Ciphers are the names of the suites that can be chosen.
func Ciphers() (names []string) {
	for _, c := range ciphers {
		names = append(names, c.name)
	}
	return names
}

// Groups are all that one of the contestants says it has, its own inventions
// included.
func Groups(contestants []Contestant) (names []string) {
	for _, c := range contestants {
		for _, group := range c.Groups {
			if !slices.Contains(names, group) {
				names = append(names, group)
			}
		}
	}
	return names
}

// Empty tells that nothing was chosen.
func (c *Choice) Empty() bool {
	return c.Groups == nil && c.Keys == nil && c.Ciphers == nil && c.Links == nil && c.Parallel == 0 && c.Handshakes == 0 && c.Pairs == nil
}

// check refuses what there is not.
func (c *Choice) check(rig *Rig, contestants []Contestant) error {
	for _, group := range c.Groups {
		if known := Groups(contestants); !slices.Contains(known, group) {
			return fmt.Errorf("no contestant has the group %q; there are %s", group, strings.Join(known, ", "))
		}
		if !slices.Contains(serverGroups(), group) {
			return fmt.Errorf("the server has no group %q; it has %s", group, strings.Join(serverGroups(), ", "))
		}
	}
	for _, key := range c.Keys {
		if !slices.Contains(AllKeys, key) {
			return fmt.Errorf("there is no certificate %q; there are %s", key, joined(AllKeys))
		}
	}
	for _, cipher := range c.Ciphers {
		if known := Ciphers(); !slices.Contains(known, cipher) {
			return fmt.Errorf("the server cannot be made to choose %q; it can %s", cipher, strings.Join(known, ", "))
		}
	}
	for i, link := range c.Links {
		why := rig.lacksNetem()
		if c.Links[i].Netem = why == ""; why != "" && link.NeedsKernel() {
			return fmt.Errorf("%s: only the kernel can make loss and initial windows, and here it cannot: %s", link.Form(), why)
		}
	}
	return nil
}

func joined[T ~string](list []T) string {
	var words []string
	for _, v := range list {
		words = append(words, string(v))
	}
	return strings.Join(words, ", ")
}

// usual gives the groups, keys and lines of a handshake, where none are chosen
// the usual ones.
func (c *Choice) usual() (groups []string, keys []KeyKind, links []Link) {
	groups, keys, links = c.Groups, c.Keys, c.Links
	if groups == nil {
		groups = []string{"X25519MLKEM768"}
	}
	if keys == nil {
		keys = []KeyKind{KeyP256}
	}
	if links == nil {
		links = []Link{{}}
	}
	return groups, keys, links
}

// ChosenPlan is the plan of a run about a choice: a handshake with each group
// and certificate over each line; transfers and round trips under each suite;
// connections a second, so many at a time.
func ChosenPlan(rig *Rig, contestants []Contestant, ours string, c Choice) (Plan, error) {
	p := Plan{}
	if err := c.check(rig, contestants); err != nil {
		return p, err
	}
	usual := ServerKind{Key: KeyP256}
	for _, name := range c.Ciphers {
		kind := ciphers[slices.IndexFunc(ciphers, func(s struct {
			name string
			kind ServerKind
		}) bool {
			return s.name == name
		})].kind
		able := those(contestants, func(c Contestant) bool { return c.Only == nil && !(kind.Suite != 0 && c.Name == "tlsify pq") })
		p.bulk(rig, able, kind, name, []string{"up", "down"}, 64*mib, repeatBulk)
	}
	if c.Parallel > 0 {
		p.rates(rig, contestants, usual, c.Parallel)
	}
	if c.Groups == nil && c.Keys == nil && c.Links == nil {
		return p, nil
	}
	return p, p.choices(rig, contestants, c)
}

// choices adds the handshakes.
func (p *Plan) choices(rig *Rig, contestants []Contestant, c Choice) error {
	groups, keys, links := c.usual()
	var able []Contestant
	for _, group := range groups {
		for _, key := range keys {
			for _, contestant := range those(contestants, func(c Contestant) bool {
				return slices.Contains(c.Groups, group) && c.verifies(key) && !c.pumped()
			}) {
				able = append(able, contestant.facing(ServerKind{PQ: true, Key: key, Group: group}, group+", "+string(key)))
			}
		}
	}
	if len(able) == 0 {
		return fmt.Errorf("no contestant has one of these groups and verifies one of these certificates")
	}
	for _, link := range links {
		e := Experiment{
			Workload: "handshake", Case: "chosen", Base: able[0].Name, Metrics: startupMetrics(),
			Title:       "Fork to the server's first byte, by group and certificate",
			Contestants: able, Repeat: repeatShake,
			Trial: rig.startup(ServerKind{Key: KeyP256, Link: link}, Store{}),
		}
		if link != (Link{}) {
			e.Workload, e.Case, e.Title, e.Repeat = "link", "chosen over "+link.String(), e.Title+", over "+link.String(), repeatSlow
		}
		p.Experiments = append(p.Experiments, e)
	}
	return nil
}
