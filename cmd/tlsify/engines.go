package main

import (
	"errors"
	"fmt"

	"tlsify/engine"
)

// elsewhere adds to an engine's refusal which other engine of this build can do
// what was asked. It is for the caller to choose that one: nothing is ever done
// by an engine that was not chosen.
func (p *parser) elsewhere(err error, can func(engine.Engine) bool) error {
	var refused *engine.UnsupportedError
	if !errors.As(err, &refused) {
		return err
	}
	for _, other := range built() {
		if other.Name() != refused.Engine && can(other) {
			return fmt.Errorf("%w; --engine %s can", err, other.Name())
		}
	}
	return err
}

func serves(e engine.Engine) bool {
	_, ok := e.(engine.ServerEngine)
	return ok
}

func imitates(e engine.Engine) bool {
	_, ok := e.(fingerprinter)
	return ok
}
