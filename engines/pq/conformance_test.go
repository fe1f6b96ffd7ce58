package pq_test

import (
	"os"
	"testing"

	"tlsify/engine/enginetest"
	"tlsify/engines/pq"
)

func TestConformance(t *testing.T) {
	const (
		old      = "TLS 1.3 only: a peer that has nothing above TLS 1.2 gets `tls-version`"
		ownHello = "pq imitates nobody"
	)
	enginetest.Run(t, pq.New(),
		enginetest.Gap{Test: "client/tls12", Reason: old},
		enginetest.Gap{Test: "server/tls12", Reason: old},
		enginetest.Gap{Test: "client/any/imitation", Reason: ownHello},
	).Document(t, "pq")
}

// ENGINES.md shows the row that TestAddingAGroup adds.
func TestDocumented(t *testing.T) {
	const file = "adding_test.go"
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	enginetest.Block(t, "file "+file, "```go\n"+string(source)+"```\n")
}
