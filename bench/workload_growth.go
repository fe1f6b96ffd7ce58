package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"

	"tlsify/engine/pki"
)

// The sizes over which costs are looked at. The last has to be large enough for
// what is worse than linear to stand out of the start of a process.
var (
	rootCounts  = []int{1, 10, 50, 150, 500}
	pathLengths = []int{2, 3, 5, 7, 10}
	crlEntries  = []int{1, 100, 1_000, 10_000, 100_000}
)

// startCurves are the costs of a start.
func startCurves() []Metric {
	return []Metric{{Name: "cpu", Unit: "ms"}, {Name: "memory", Unit: "MiB"}}
}

// growing makes one start at each of the sizes, against the target that it has.
func growing(sizes []int, target func(c Contestant, size int) (Target, error)) func(context.Context, Contestant) (Outcome, error) {
	return func(ctx context.Context, c Contestant) (Outcome, error) {
		all := Outcome{Values: map[string]float64{}}
		for _, size := range sizes {
			t, err := target(c, size)
			if err != nil {
				return Outcome{}, err
			}
			one, err := startOnce(ctx, c, t, false)
			if err != nil {
				return Outcome{}, fmt.Errorf("at %d: %w", size, err)
			}
			all.Negotiated = one.Negotiated
			for _, curve := range startCurves() {
				all.Values[at(curve.Name, size)] = one.Values[curve.Name]
			}
		}
		return all, nil
	}
}

// growRoots trusts so many roots, of which one is the server's.
func (r *Rig) growRoots(c Contestant, size int) (Target, error) {
	t, err := r.Target(c.serverKind(ServerKind{Key: KeyP256}))
	if err != nil {
		return Target{}, err
	}
	t.Store.File, err = r.made(fmt.Sprintf("roots-%d.pem", size), func() ([]byte, error) {
		var roots bytes.Buffer
		for i := range size - 1 {
			other, err := pki.NewRoot(pki.Options{CommonName: fmt.Sprintf("tlsify-bench-other-%d", i)})
			if err != nil {
				return nil, err
			}
			roots.Write(other.PEM())
		}
		roots.Write(r.chains[KeyP256].rootPEM)
		return roots.Bytes(), nil
	})
	return t, err
}

// growPath has a server to which so many certificates lead, the root's, which it
// does not send, among them.
func (r *Rig) growPath(c Contestant, size int) (Target, error) {
	return r.Target(c.serverKind(ServerKind{Key: keyOfLength(size - 1)}))
}

// growCRL has a revocation list with so many entries, none of them the server's.
func (r *Rig) growCRL(c Contestant, size int) (Target, error) {
	t, err := r.Target(c.serverKind(ServerKind{Key: keyOfLength(1)}))
	if err != nil {
		return Target{}, err
	}
	t.CRL, err = r.made(fmt.Sprintf("crl-%d.pem", size), func() ([]byte, error) {
		revoked := make([]*big.Int, size)
		for i := range revoked {
			var serial [16]byte
			rand.Read(serial[:])
			revoked[i] = new(big.Int).SetBytes(serial[:])
		}
		der, err := r.chains[keyOfLength(1)].issuer.CRL(revoked...)
		return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}), err
	})
	return t, err
}

// made gives the path of a file of the name, which is made if it is not there.
func (r *Rig) made(name string, content func() ([]byte, error)) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	path := filepath.Join(r.dir, name)
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	data, err := content()
	if err != nil {
		return "", fmt.Errorf("make %s: %w", name, err)
	}
	return path, replaceFile(path, data, 0o644)
}

// growth adds what a start costs as what has to be read and judged grows.
func (p *Plan) growth(rig *Rig, contestants []Contestant, ours string) {
	able := those(contestants, func(c Contestant) bool { return c.Stores && !c.pumped() })
	for _, e := range []struct {
		name, title string
		sizes       []int
		target      func(Contestant, int) (Target, error)
	}{
		{"roots", "A start, by the number of trusted roots in a file", rootCounts, rig.growRoots},
		{"path", "A start, by the number of certificates from the server's to the root", pathLengths, rig.growPath},
		{"crl", "A start, by the entries of a revocation list", crlEntries, rig.growCRL},
	} {
		p.Experiments = append(p.Experiments, Experiment{
			Workload: "growth", Case: e.name, Title: e.title, Metrics: growthMetrics(e.sizes, startCurves()...),
			Contestants: able, Repeat: repeatGrowth, Trial: growing(e.sizes, e.target),
		})
		if slices.ContainsFunc(able, func(c Contestant) bool { return c.Name == ours }) {
			for _, curve := range startCurves() {
				p.Goals = append(p.Goals, growthGoal(e.name, curve.Name, ours))
			}
		}
	}
}

// growthGoal is that a cost is no worse than linear.
func growthGoal(name, curve, contestant string) Goal {
	return Goal{fmt.Sprintf("growth by %s, %s: no worse than linear", name, curve), "growth/" + name, curve, contestant, nil, linearUpTo}
}
