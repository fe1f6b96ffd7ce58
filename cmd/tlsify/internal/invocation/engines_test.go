package invocation

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"

	"tlsify/engine"
)

// An engine that the contract does not name is never the default beside one that
// it names: a name that is in no list once stood before all others.
func TestOrderOfEngines(t *testing.T) {
	var names []string
	for _, e := range InOrder([]engine.Engine{named("mine"), named("pq"), named("other"), named("std")}) {
		names = append(names, e.Name())
	}
	if want := []string{"std", "pq", "mine", "other"}; !slices.Equal(names, want) {
		t.Errorf("%q, not %q", names, want)
	}
}

// named is an engine that has only a name.
type named string

func (n named) Name() string                         { return string(n) }
func (named) Library() string                        { return "" }
func (named) Groups() ([]string, int)                { return nil, 0 }
func (named) CheckClient(*engine.ClientConfig) error { return nil }
func (named) Client(context.Context, net.Conn, *engine.ClientConfig) (engine.Session, error) {
	return nil, errors.ErrUnsupported
}
