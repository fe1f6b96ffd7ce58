package verify

import "crypto/x509"

// PresentedNames lists whom c says that it is for, as KIND:NAME: dns, ip, srv
// (RFC 4985), uri and email, in this order. Nothing is checked of them, and they
// may hold any byte. A subjectAltName that can't be read has none beside what x509
// makes of it.
func PresentedNames(c *x509.Certificate) []string {
	var names []string
	add := func(kind string, values ...string) {
		for _, value := range values {
			names = append(names, kind+":"+value)
		}
	}
	add("dns", c.DNSNames...)
	for _, ip := range c.IPAddresses {
		add("ip", ip.String())
	}
	alt, _ := parseAltNames(c)
	add("srv", alt.srv...)
	add("uri", alt.uris...)
	add("email", c.EmailAddresses...)
	return names
}
