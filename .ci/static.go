// Static says of each program whether it needs nothing but a Linux kernel: an
// ELF file for the machine that its name ends with, with no interpreter and no
// library. It prints their sizes and sums, and fails on one that does.
//
//	go run .ci/static.go bin/dist/*
package main

import (
	"crypto/sha256"
	"debug/elf"
	"fmt"
	"os"
	"strings"
)

var machines = map[string]elf.Machine{
	"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "riscv64": elf.EM_RISCV,
	"armv7": elf.EM_ARM, "386": elf.EM_386, "mipsle": elf.EM_MIPS,
}

func main() {
	failed := false
	for _, path := range os.Args[1:] {
		if err := check(path); err != nil {
			fmt.Println(path+":", err)
			failed = true
		}
	}
	if failed || len(os.Args) < 2 {
		os.Exit(1)
	}
}

func check(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	name := path[strings.LastIndexByte(path, '-')+1:]
	if machine, ok := machines[name]; !ok || f.Machine != machine || f.Data != elf.ELFDATA2LSB {
		return fmt.Errorf("it is for %v, %v", f.Machine, f.Data)
	}
	for _, part := range f.Progs {
		if part.Type == elf.PT_INTERP || part.Type == elf.PT_DYNAMIC {
			return fmt.Errorf("it is not static: %v", part.Type)
		}
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	fmt.Printf("%x  %s  %d bytes, static\n", sha256.Sum256(content), path, len(content))
	return nil
}
