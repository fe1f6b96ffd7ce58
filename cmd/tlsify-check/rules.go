package main

import "slices"

// rules are all of them, in the order of the contract.
func rules() []rule {
	return slices.Concat(rulesForms, rulesProg, rulesServer, rulesListen, rulesDescriptors,
		rulesCertificates, rulesPaths, rulesTrust, rulesStaple, rulesAsk, rulesIdentity, rulesKeys, rulesSessions, rulesOptions,
		rulesHello, rulesNetwork, rulesLimits, rulesHandoff, rulesControl, rulesStream, rulesEOF, rulesEndings, rulesStatus, rulesLate)
}
