// Command client HOST:PORT [OPTION...] is what a program does with tlsify, in
// Go. It sends a line, ends its half, prints the answer, and says what went
// wrong.
package main

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

func main() {
	log.SetFlags(0)
	// The plaintext is on 0 and 1; the control channel on 3, ExtraFiles[0].
	control, says, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	args := slices.Concat([]string{"connect", "--control-fd", "3"}, os.Args[2:], os.Args[1:2])
	cmd := exec.Command(cmp.Or(os.Getenv("TLSIFY"), "tlsify"), args...)
	cmd.ExtraFiles = []*os.File{says}
	to, _ := cmd.StdinPipe()
	from, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		log.Fatal(err)
	}
	says.Close()

	facts, what := map[string]string{}, "not connected"
	for lines := bufio.NewScanner(control); lines.Scan(); {
		keyword, value, _ := strings.Cut(lines.Text(), " ")
		facts[keyword] = value
		switch keyword {
		case "error":
			code, text, _ := strings.Cut(value, " ")
			log.Printf("%s: %s (%s)", what, text, code)
		case "ready":
			// Before this there is nothing to say to anyone; a bad certificate
			// never gets here.
			what = "it did not end well"
			log.Printf("connected: %s, %s", facts["protocol"], facts["verified"])
			fmt.Fprintln(to, "hello from Go")
			to.Close() // the end of what we say: the server can still answer
			io.Copy(os.Stdout, from)
		case "end":
			status, _ := strconv.Atoi(value)
			os.Exit(status)
		}
	}
	log.Println("tlsify died")
	os.Exit(2)
}
