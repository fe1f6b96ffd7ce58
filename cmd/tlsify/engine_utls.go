//go:build utls

package main

import "tlsify/engines/utls"

func init() { engines = append(engines, utls.New()) }
