//go:build pq && !utls

package main

import "tlsify/engines/pq"

func init() { engines = append(engines, pq.New()) }
