package example

import (
	"os"
	"testing"

	"tlsify/engine/enginetest"
)

// ENGINES.md shows this engine whole.
func TestDocumented(t *testing.T) {
	for _, file := range []string{"example.go", "conformance_test.go"} {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		enginetest.Block(t, "file "+file, "```go\n"+string(source)+"```\n")
	}
}
