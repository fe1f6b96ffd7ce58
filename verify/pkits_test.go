package verify

import (
	"archive/zip"
	"crypto/x509"
	"io"
	"os"
	"path"
	"strings"
	"testing"
)

// pkits is NIST's Public Key Interoperability Test Suite, version 1.0.1, as
// PyPI's package cryptography_vectors holds it.
type pkits struct {
	files map[string][]byte            // certificates by file name, without .crt
	certs map[string]*x509.Certificate // those that can be read
	crls  map[string][]byte            // by file name, without .crl
}

// pkitsOutcomes are the tests whose name does not say what is to come out,
// by the end entity's file. The initial settings are the suite's default ones:
// any policy will do, and none is demanded. Lists that count 249 tests have some of
// these end entities again with other settings, for which there is no option.
var pkitsOutcomes = map[string]bool{
	"AllCertificatesNoPoliciesTest2":    true,
	"DifferentPoliciesTest3":            true,
	"DifferentPoliciesTest4":            false,
	"DifferentPoliciesTest5":            false,
	"OverlappingPoliciesTest6":          true,
	"DifferentPoliciesTest7":            false,
	"DifferentPoliciesTest8":            false,
	"DifferentPoliciesTest9":            false,
	"AllCertificatesSamePoliciesTest10": true,
	"AllCertificatesanyPolicyTest11":    true,
	"DifferentPoliciesTest12":           false,
	"AllCertificatesSamePoliciesTest13": true,
	"AnyPolicyTest14":                   true,
	"UserNoticeQualifierTest15":         true,
	"UserNoticeQualifierTest16":         true,
	"UserNoticeQualifierTest17":         true,
	"UserNoticeQualifierTest18":         true,
	"UserNoticeQualifierTest19":         true,
	"CPSPointerQualifierTest20":         true,
	"inhibitAnyPolicyTest3":             true,
}

// pkitsExceptions are the tests in which we differ on purpose. All of them are
// refused, though expected to pass, and say why.
var pkitsExceptions = map[string]struct{ why, text string }{
	"ValidDSASignaturesTest4":           {"DSA is out of use", "does not count, so that it may be revoked: it wants a strong signature"},
	"ValidDSAParameterInheritanceTest5": {"DSA is out of use", "invalid DSA parameters"},

	"ValiddeltaCRLTest2": {noteOnDelta, "delta CRL"},
	"ValiddeltaCRLTest5": {noteOnDelta, "delta CRL"},
	"ValiddeltaCRLTest7": {noteOnDelta, "delta CRL"},
	"ValiddeltaCRLTest8": {noteOnDelta, "delta CRL"},

	"ValidonlySomeReasonsTest18": {noteOnReasons, "scoped CRL"},
	"ValidonlySomeReasonsTest19": {noteOnReasons, "scoped CRL"},

	"ValidIDPwithindirectCRLTest22": {noteOnIndirect, "indirect CRL"},
	"ValidIDPwithindirectCRLTest24": {noteOnIndirect, "no CRL that was given is from the certificate's issuer"},
	"ValidIDPwithindirectCRLTest25": {noteOnIndirect, "no CRL that was given is from the certificate's issuer"},
	"ValidcRLIssuerTest28":          {noteOnIndirect, "no CRL that was given is from the certificate's issuer"},
	"ValidcRLIssuerTest29":          {noteOnIndirect, "invalid CRL distribution point"},
	"ValidcRLIssuerTest30":          {noteOnIndirect, "no CRL that was given is from the certificate's issuer"},
	"ValidcRLIssuerTest33":          {noteOnIndirect, "no CRL that was given is from the certificate's issuer"},

	"ValiddistributionPointTest4": {noteOnRelativeNames, "invalid CRL distribution point"},
	"ValiddistributionPointTest5": {noteOnRelativeNames, "invalid CRL distribution point"},
}

const (
	noteOnDelta         = "a delta CRL saves the fetching of a complete one; here all lists are files, and the complete one is as easily given"
	noteOnReasons       = "lists for some reasons each add up to a complete one, and are not in use"
	noteOnIndirect      = "who signs another's CRL is a question of trust that no option of ours asks"
	noteOnRelativeNames = "crypto/x509 does not parse a distribution point with a name relative to the issuer's"
)

func TestPKITS(t *testing.T) {
	suite := loadPKITS(t)
	agree, all := 0, 0
	for name := range suite.files {
		name, isEE := strings.CutSuffix(name, "EE")
		if !isEE {
			continue
		}
		want, listed := pkitsOutcomes[name]
		if !listed {
			want = strings.HasPrefix(name, "Valid")
			if !want && !strings.HasPrefix(name, "Invalid") {
				t.Errorf("what is %s to come to?", name)
			}
		}
		all++
		err := suite.check(name)
		if (err == nil) == want {
			agree++
			continue
		}
		exception, known := pkitsExceptions[name]
		t.Logf("differs: %s: want %t, got %v (%s)", name, want, err, exception.why)
		if !known || err == nil || !strings.Contains(err.Error(), exception.text) {
			t.Errorf("%s is no known exception", name)
		}
	}
	t.Logf("%d agree of %d", agree, all)
	if all-agree != len(pkitsExceptions) {
		t.Errorf("%d of %d exceptions are none", len(pkitsExceptions)-(all-agree), len(pkitsExceptions))
	}
}

// check judges an end entity with all issuers and all CRLs that bear a name on
// the way to the trust anchor, whether the test means them or not.
func (s *pkits) check(name string) error {
	leaf, err := x509.ParseCertificate(s.files[name+"EE"])
	if err != nil {
		return err
	}
	evidence := Evidence{Certificates: []*x509.Certificate{leaf}}
	p := &Policy{Purpose: ClientAuth}
	seen := map[string]bool{}
	for todo := []string{string(leaf.RawIssuer)}; len(todo) > 0; todo = todo[1:] {
		if seen[todo[0]] {
			continue
		}
		seen[todo[0]] = true
		for file, c := range s.certs {
			if nameKey(c.RawSubject) == nameKey([]byte(todo[0])) && !strings.HasSuffix(file, "EE") && file != "TrustAnchorRootCertificate" {
				evidence.Certificates = append(evidence.Certificates, c)
				todo = append(todo, string(c.RawIssuer))
			}
		}
		for file, der := range s.crls {
			list, parseErr := x509.ParseRevocationList(der)
			if parseErr != nil || nameKey(list.RawIssuer) != nameKey([]byte(todo[0])) {
				continue
			}
			crls, crlErr := ParseCRLs(file, der)
			if crlErr != nil {
				err = crlErr
			}
			p.CRLs = append(p.CRLs, crls...)
		}
	}
	if err != nil {
		return err
	}
	store, err := StoreFromPEM("trust anchor", s.files["TrustAnchorRootCertificate"])
	if err != nil {
		return err
	}
	p.Trust = []*Store{store}
	_, err = p.Check(evidence)
	return err
}

func loadPKITS(t testing.TB) *pkits {
	t.Helper()
	wheel := os.Getenv("TLSIFY_PKITS")
	if wheel == "" {
		t.Skip("no PKITS: TLSIFY_PKITS does not say where PyPI's cryptography_vectors is")
	}
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	s := &pkits{map[string][]byte{}, map[string]*x509.Certificate{}, map[string][]byte{}}
	for _, f := range archive.File {
		if !strings.Contains(f.Name, "/PKITS_data/") {
			continue
		}
		base := path.Base(f.Name)
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if name, ok := strings.CutSuffix(base, ".crt"); ok {
			s.files[name] = data
			if c, err := x509.ParseCertificate(data); err == nil {
				s.certs[name] = c
			}
		} else if name, ok := strings.CutSuffix(base, ".crl"); ok {
			s.crls[name] = data
		}
	}
	return s
}
