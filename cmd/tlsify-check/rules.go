package main

import "slices"

// rules are all of them, in the order of the contract.
func rules() []rule {
	return slices.Concat(rulesForms, rulesProg, rulesServer, rulesClients, rulesListen, rulesDescriptors,
		rulesCertificates, rulesPaths, rulesTrust, rulesStaple, rulesIdentity, rulesOptions, rulesHello, rulesNetwork, rulesHandoff, rulesControl, rulesStream, rulesEOF, rulesEndings, rulesStatus, rulesLate, rulesAttacks, rulesKeys, rulesBeside)
}
