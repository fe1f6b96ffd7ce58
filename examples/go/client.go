// Command client HOST:PORT [OPTION...] is what a program does with tlsify, in
// Go. It asks an HTTP server for a page, prints the answer, and says what went
// wrong.
package main

import (
	"bufio"
	"cmp"
	"io"
	"log"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// show prints it. A space is %20, and % is %25; what a terminal would obey stays.
func show(text string) { log.Println(strings.NewReplacer("%20", " ", "%25", "%").Replace(text)) }

func main() {
	log.SetFlags(0)
	// The plaintext is on 0 and 1; the control channel on 3, ExtraFiles[0].
	control, says, err := os.Pipe()
	if err != nil {
		log.Fatal(err)
	}
	args := append(append([]string{"connect", "--control-fd", "3"}, os.Args[2:]...), os.Args[1])
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
			show(what + ": " + text + " (" + code + ")")
		case "ready":
			// Before this nothing is sent; a bad certificate never gets here.
			what = "it did not end well"
			show("connected: " + facts["protocol"] + ", " + facts["verified"])
			io.WriteString(to, "GET / HTTP/1.0\r\n\r\n")
			io.Copy(os.Stdout, from)
			to.Close() // the end of what we say: before the answer many servers take it for our leaving
		case "end":
			status, _ := strconv.Atoi(value)
			os.Exit(status)
		}
	}
	log.Println("tlsify died")
	os.Exit(2)
}
