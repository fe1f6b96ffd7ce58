package main

import "sync"

func (b *bench) tryAll(chosen []rule) []result {
	results := make([]result, len(chosen))
	slots := make(chan struct{}, b.parallel)
	var all sync.WaitGroup
	for i, r := range chosen {
		if b.can&r.needs != r.needs {
			results[i] = result{rule: r, skipped: b.lacks(r.needs)}
			continue
		}
		all.Go(func() {
			if r.needs&slow == 0 { // those only wait
				slots <- struct{}{}
				defer func() { <-slots }()
			}
			results[i] = b.try(r)
		})
	}
	all.Wait()
	return results
}

func (b *bench) lacks(needs ability) string {
	switch {
	case needs&serverSide > b.can&serverSide:
		return "no server side"
	case needs&tls12 > b.can&tls12:
		return "no TLS 1.2"
	}
	return "takes its time, and -quick was given"
}

func (b *bench) try(r rule) result {
	t := &trial{bench: b}
	t.do(r.check)
	t.mu.Lock()
	defer t.mu.Unlock()
	return result{rule: r, faults: t.faults, skipped: t.skipped}
}

// probe finds out what the program is without, by what it refuses in the
// contract's own words.
func (b *bench) probe() ability {
	can := serverSide | tls12 | slow
	if b.quick {
		can &^= slow
	}
	(&trial{bench: b}).do(func(t *trial) {
		r, ours := t.call().accepting()
		ours.Close()
		if r.saysSoon("engine-unsupported", 1) {
			can &^= serverSide
		}
	})
	(&trial{bench: b}).do(func(t *trial) {
		s := t.serve(talk, onlyTLS12)
		r := t.call().start(s.to()...)
		if r.saysSoon("tls-version", 4) {
			can &^= tls12
		}
	})
	return can
}
