package bench

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"tlsify/engine"
	"tlsify/engines/pq"
)

// inProcess is a client that is no program of its own: the engine pq in this
// process. It has every group, and its handshakes cost the least time beside what
// the line takes.
func inProcess() Contestant {
	return Contestant{Name: "pq", Groups: serverGroups(),
		Keys: []KeyKind{KeyP256, KeyRSA, KeyMLDSA44, KeyMLDSA65, KeyMLDSA87}}
}

// InProcess is what a report says of it.
func InProcess() []Entry {
	return []Entry{{Name: "pq", Options: "the engine pq in this process, one handshake after the other"}}
}

// handshakesWorkload is their name in a report.
const handshakesWorkload = "handshakes"

// maxHandshakes is how many can be asked for.
const maxHandshakes = 100_000

// HandshakesPlan is the plan of a run about a choice that is of handshakes alone:
// over each line, so many with each group and certificate, which take turns.
func HandshakesPlan(rig *Rig, c Choice) (Plan, error) {
	client := inProcess()
	switch {
	case c.Handshakes < 1 || c.Handshakes > maxHandshakes:
		return Plan{}, fmt.Errorf("--handshakes: 1 to %d", maxHandshakes)
	case c.Ciphers != nil || c.Parallel != 0:
		return Plan{}, errors.New("--handshakes measures nothing but handshakes, one after the other: no --cipher, no --parallel")
	}
	if c.Pairs != nil && (c.Groups != nil || c.Keys != nil) {
		return Plan{}, errors.New("--pair takes the place of --group and --cert")
	}
	groups, keys, links := c.usual()
	if c.Pairs == nil {
		for _, group := range groups {
			for _, key := range keys {
				c.Pairs = append(c.Pairs, Pair{group, key})
			}
		}
	}
	for _, pair := range c.Pairs {
		c.Groups, c.Keys = append(c.Groups, pair.Group), append(c.Keys, pair.Key)
	}
	if err := c.check(rig, []Contestant{client}); err != nil {
		return Plan{}, err
	}
	var pairs []Contestant
	for _, pair := range c.Pairs {
		if !client.verifies(pair.Key) {
			return Plan{}, fmt.Errorf("--handshakes: the certificate %q is for programs alone", pair.Key)
		}
		able := client.facing(ServerKind{PQ: true, Key: pair.Key, Group: pair.Group}, "")
		able.Name = pair.Group + ", " + string(pair.Key)
		pairs = append(pairs, able)
	}
	p := Plan{}
	for _, link := range links {
		where, over := "loopback", ""
		if link != (Link{}) {
			where, over = link.Form(), ", over "+link.String()
		}
		p.Experiments = append(p.Experiments, Experiment{
			Workload: handshakesWorkload, Case: where, Base: pairs[0].Name, Metrics: handshakesMetrics(),
			Title:       "SYN to the client's Finished, by group and certificate" + over,
			Contestants: pairs, Trial: rig.handshakes(ServerKind{Link: link}),
			Repeat: Repeat{Warmup: 1, Min: c.Handshakes, Max: c.Handshakes, Limit: handshakeLimit},
		})
	}
	return p, nil
}

// handshakesMetrics are what a handshake alone measures. Packets are TCP's
// segments with data, those that were lost on the way to who counts them left
// out; resent is how often either side has sent something again.
func handshakesMetrics() []Metric {
	return []Metric{
		{Name: "latency", Unit: "ms"},
		{Name: "sent", Unit: "B"}, {Name: "received", Unit: "B"},
		{Name: "packets sent", Unit: "", Detail: true}, {Name: "packets received", Unit: "", Detail: true},
		{Name: "resent", Unit: "", Detail: true},
	}
}

// handshakes makes one connection and handshake.
func (r *Rig) handshakes(kind ServerKind) func(context.Context, Contestant) (Outcome, error) {
	return func(ctx context.Context, c Contestant) (Outcome, error) {
		target, err := r.Target(c.serverKind(kind))
		if err != nil {
			return Outcome{}, err
		}
		config, err := target.pq()
		if err != nil {
			return Outcome{}, err
		}
		began := time.Now()
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", target.Addr)
		if err != nil {
			return Outcome{}, err
		}
		defer conn.Close()
		session, err := pq.New().Client(ctx, conn, config)
		if err != nil {
			return Outcome{}, err
		}
		latency := time.Since(began)
		ours, err := tcpInfo(conn)
		if err != nil {
			return Outcome{}, err
		}
		greeting, err := bufio.NewReader(session).ReadString('\n')
		if err != nil {
			return Outcome{}, fmt.Errorf("no greeting from the server: %w", err)
		}
		took, negotiated := cutWire(strings.TrimSuffix(strings.TrimPrefix(greeting, greetingPrefix), "\n"))
		return Outcome{Negotiated: negotiated, Values: map[string]float64{
			"latency": milliseconds(latency),
			"sent":    float64(took.Sent), "received": float64(took.Received),
			"packets sent": float64(took.PacketsSent), "packets received": float64(ours.Data_segs_in),
			"resent": float64(int64(ours.Total_retrans) + took.Resent),
		}}, session.CloseWrite()
	}
}

// pq gives what the engine pq needs to reach the target.
func (t Target) pq() (*engine.ClientConfig, error) {
	roots := x509.NewCertPool()
	pem, err := os.ReadFile(t.CAFile)
	if err != nil {
		return nil, err
	}
	roots.AppendCertsFromPEM(pem)
	verify := func(peer *engine.Peer) error {
		if len(peer.Certificates) == 0 {
			return errors.New("no certificate")
		}
		between := x509.NewCertPool()
		for _, certificate := range peer.Certificates[1:] {
			between.AddCert(certificate)
		}
		_, err := peer.Certificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, DNSName: t.Name})
		return err
	}
	return &engine.ClientConfig{
		Config:     engine.Config{Verify: verify, Groups: []string{t.Group}},
		ServerName: t.Name,
	}, nil
}
