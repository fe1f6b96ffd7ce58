package main

import "slices"

// rules are all of them, in the order of the contract.
func rules() []rule {
	return slices.Concat(rulesForms, rulesProg, rulesServer, rulesDescriptors,
		rulesCertificates, rulesTrust, rulesStaple, rulesIdentity, rulesOptions, rulesHello, rulesNetwork, rulesHandoff, rulesControl, rulesStream, rulesEOF, rulesEndings, rulesStatus, rulesLate)
}
