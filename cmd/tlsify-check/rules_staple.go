package main

import (
	"time"
)

var rulesStaple = []rule{
	{"staple", "--staple check, the default, checks a stapled OCSP response where one comes; require refuses the peer where none does; off ignores them", nothing, func(t *trial) {
		good, tomorrow := t.authority.chains["good"], time.Now().Add(12*time.Hour)
		for _, c := range []struct {
			what                string
			response            []byte
			off, check, require string // "", or the CODE
		}{
			{"none", nil, "", "", "staple"},
			{"a good one", t.staple(good, false, tomorrow), "", "", ""},
			{"a revocation", t.staple(good, true, tomorrow), "", "cert-revoked", "cert-revoked"},
			{"one that is out of date", t.staple(good, false, time.Now().Add(-12*time.Hour)), "", "staple", "staple"},
			{"another's", t.staple(t.authority.chains["second"], false, tomorrow), "", "staple", "staple"},
			{"junk", []byte("this is none"), "", "staple", "staple"},
		} {
			s := t.serve(talk, staples(c.response))
			for mode, code := range map[string]string{"off": c.off, "check": c.check, "require": c.require} {
				r := t.call().start(s.to("--staple", mode)...)
				r.orLacks(noStaples)
				if kept := code == "" && r.status() == 0 || code != "" && r.saysSoon(code, 5); !kept {
					t.fault("--staple %s, %s: status %d, want CODE %q%s", mode, c.what, r.status(), code, r.report())
				}
			}
		}
		t.call().start(t.serve(talk).to("--staple", "perhaps")...).expectError(1, "usage")
	}},
	{"staple-default", "--staple check, the default, checks a stapled OCSP response where one comes", nothing, func(t *trial) {
		good := t.authority.chains["good"]
		t.call().start(t.serve(talk).to("--staple", "require")...).orLacks(noStaples)
		t.each(func(t *trial, version change) {
			s := t.serve(talk, version, staples(t.staple(good, true, time.Now().Add(12*time.Hour))))
			t.call().start(s.to()...).expectError(5, "cert-revoked")
		})
	}},
	{"staple-forged", "check, the default, checks a stapled OCSP response where one comes", nothing, func(t *trial) {
		good, tomorrow := t.authority.chains["good"], time.Now().Add(12*time.Hour)
		forged := *good
		forged.above = &credential{leaf: good.above.leaf, key: t.authority.forger.key} // all but the signature is right
		for _, revoked := range []bool{false, true} {
			s := t.serve(talk, staples(t.staple(&forged, revoked, tomorrow)))
			r := t.call().start(s.to("--staple", "require")...)
			r.orLacks(noStaples)
			r.expectError(5, "staple")
			t.call().start(s.to()...).expectError(5, "staple")
		}
		t.call().start(t.serve(talk, with("must-staple"), staples(t.staple(t.authority.chains["must-staple"], false, tomorrow))).to()...).expect(0, "ready")
	}},
	{"staple-file", "--staple-file FILE is the OCSP response to staple to the --cert at the same place", serverSide, func(t *trial) {
		good, second := t.authority.chains["good"], t.authority.chains["wrong-name"]
		tomorrow := time.Now().Add(12 * time.Hour)
		responses := map[string][]byte{host: t.staple(good, false, tomorrow), "other.tlsify-check.test": t.staple(second, false, tomorrow)}
		for name, response := range responses {
			r, ours := t.call().accepting(append(t.showing("wrong-name"),
				"--staple-file", t.file(".ocsp", responses[host]), "--staple-file", t.file(".ocsp", responses["other.tlsify-check.test"]))...)
			config := t.clientConfig()
			config.ServerName = name
			client := r.meets(ours, config, noStaples)
			client.ask("")
			r.expect(0, "ready")
			if got := client.ConnectionState().OCSPResponse; string(got) != string(response) {
				t.fault("%s: %d bytes are stapled, want the %d of its own", name, len(got), len(response))
			}
		}
	}},
}

// staples has a server staple this to its certificate.
func staples(response []byte) change {
	return func(s *server) { s.config.Certificates[0].OCSPStaple = response }
}
