//go:build !nostd

package main

import "tlsify/engines/std"

func init() { engines = append(engines, std.New()) }
