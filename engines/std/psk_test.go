package std

import (
	"errors"
	"testing"

	"tlsify/engine"
)

// What crypto/tls does not have is refused before there is a connection.
func TestCertificatesAlone(t *testing.T) {
	config := engine.Config{Verify: func(*engine.Peer) error { return nil }, PSKs: []*engine.PSK{{}}}
	for _, err := range []error{New().CheckClient(&engine.ClientConfig{Config: config}), New().CheckServer(&engine.ServerConfig{Config: config})} {
		var unsupported *engine.UnsupportedError
		if !errors.As(err, &unsupported) || unsupported.What != "--psk" {
			t.Error(err)
		}
	}
}
