// Report reads what `go test -json` says, prints a line for each package and all
// that failing tests said, and fails on a test that failed, or that skipped for
// a reason which is not in the file of expected ones.
//
//	go test -json ./... | go run .ci/report.go .ci/skips
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

type event struct {
	Action, Package, Test, Output string
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go test -json ./... | go run .ci/report.go SKIPS")
		os.Exit(2)
	}
	content, err := os.ReadFile(os.Args[1])
	if err != nil {
		fmt.Println(err)
		os.Exit(2)
	}
	expected := strings.Split(strings.TrimSpace(string(content)), "\n")
	output := map[string][]string{}
	var passed, failed, skipped, unexpected int
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			fmt.Println(in.Text()) // a build's own words
			continue
		}
		name := e.Package + " " + e.Test
		switch {
		case e.Action == "output" || e.Action == "build-output":
			output[name] = append(output[name], e.Output)
		case e.Action == "build-fail":
			failed++
			fmt.Print(strings.Join(output[name], ""))
		case e.Test == "" && (e.Action == "pass" || e.Action == "fail"):
			fmt.Println(e.Action, e.Package)
			if e.Action == "fail" {
				failed++
				fmt.Print(strings.Join(output[name], ""))
				for test, said := range output { // those that it did not get to end
					if strings.HasPrefix(test, name) && test != name {
						fmt.Printf("UNFINISHED %s\n%s", test, strings.Join(said, ""))
					}
				}
			}
		case e.Test == "":
		case e.Action == "pass":
			passed++
			delete(output, name)
		case e.Action == "fail":
			failed++
			fmt.Printf("FAIL %s\n%s", name, strings.Join(output[name], ""))
			delete(output, name)
		case e.Action == "skip":
			skipped++
			if !known(strings.Join(output[name], ""), expected) {
				unexpected++
				fmt.Printf("UNEXPECTED SKIP %s\n%s", name, strings.Join(output[name], ""))
			}
			delete(output, name)
		}
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	if in.Err() != nil || failed > 0 || unexpected > 0 || passed == 0 {
		fmt.Printf("%d skipped without a reason that is in %s\n", unexpected, os.Args[1])
		os.Exit(1)
	}
}

func known(reason string, expected []string) bool {
	for _, part := range expected {
		if strings.Contains(reason, part) {
			return true
		}
	}
	return false
}
