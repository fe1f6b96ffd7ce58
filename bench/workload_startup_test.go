package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// However a program's file is written, it is the same program, in a place of its
// own that is made once.
func TestProgramsFiles(t *testing.T) {
	rig, err := NewRig("/bin/false")
	if err != nil {
		t.Fatal(err)
	}
	defer rig.Close()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho it runs\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	places := map[string]bool{}
	for name, way := range map[string]func(*Contestant) error{"linked": rig.mapProgram, "copied": rig.copyProgram, "cold": rig.coolProgram} {
		for range 2 {
			c := Contestant{Program: path}
			if err := way(&c); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if said, err := exec.Command(c.Program).Output(); err != nil || !strings.Contains(string(said), "it runs") {
				t.Errorf("%s: %q, %v", name, said, err)
			}
			places[c.Program] = true
		}
	}
	if len(places) != 2 || places[path] {
		t.Errorf("the files are %v: cold is the one that was copied", places)
	}
	if err := rig.mapProgram(&Contestant{Program: "no-such-program-here"}); err == nil {
		t.Error("of no program")
	}
}
