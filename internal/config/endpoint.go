package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// Variable is the only name of an environment variable that a network's
// endpoint may come from. CUE from an unreviewed revision could otherwise send
// any variable of the machine to a host of its choice.
func Variable(network string) string {
	return "RECONCILE_RPC_" + strings.ToUpper(network)
}

// endpointFault says what is wrong with a declared endpoint, without ever
// repeating it: it may hold a token.
func endpointFault(endpoint, network string) (message, hint string) {
	viaVariable := "put the URL into the variable " + Variable(network) + " and write \"env:" + Variable(network) + "\""
	if name, ok := strings.CutPrefix(endpoint, "env:"); ok {
		if name != Variable(network) {
			return fmt.Sprintf("variable %s may not be named here, only %s", name, Variable(network)), "write \"env:" + Variable(network) + "\""
		}
		return "", ""
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil || u.Host == "":
		return "is not a URL", ""
	case u.Scheme != "https":
		return fmt.Sprintf("%s: is %s, must be https", u.Host, u.Scheme), "only an overlay may point at loopback"
	case u.User != nil:
		return fmt.Sprintf("%s: carries a user name or password", u.Host), viaVariable
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return fmt.Sprintf("%s: carries a query", u.Host), viaVariable
	}
	if message := publicHost(endpoint); message != "" {
		return message, "only an overlay may point at loopback"
	}
	for _, label := range strings.Split(u.Hostname(), ".") {
		if looksLikeToken(label) {
			// The host itself would print the token.
			return "carries what looks like a token in its host name", viaVariable
		}
	}
	for _, segment := range strings.Split(u.Path, "/") {
		if looksLikeToken(segment) {
			return fmt.Sprintf("%s: carries what looks like a token in its path", u.Host), viaVariable
		}
	}
	return "", ""
}

// looksLikeToken tells providers' keys from words. Keys seen in the wild:
// 32 hexadecimal digits (Infura), 32 of base64url (Alchemy), 40 of hexadecimal
// (QuickNode), UUIDs (GetBlock); words of public paths are letters with
// hyphens, and versions.
func looksLikeToken(segment string) bool {
	if len(segment) < 16 {
		return false
	}
	if len(segment) >= 40 {
		return true
	}
	digits, lower, upper := 0, 0, 0
	for _, c := range segment {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z':
			lower++
		case c >= 'A' && c <= 'Z':
			upper++
		}
	}
	// Words mix neither digits among letters in number nor upper case inside.
	return digits >= 3 || upper >= 2 && lower >= 2
}

// publicHost says what keeps a URL from being a public host, or nothing.
func publicHost(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" {
		return "is not a URL"
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap()
		if !ip.IsGlobalUnicast() || ip.IsPrivate() || reserved(ip) {
			return fmt.Sprintf("%s: points at a private address", host)
		}
		return ""
	}
	labels := strings.Split(host, ".")
	last := labels[len(labels)-1]
	switch {
	case host == "localhost", len(labels) == 1,
		last == "localhost", last == "local", last == "internal", last == "localdomain", last == "lan", last == "home", last == "corp":
		return fmt.Sprintf("%s: points at a private name", host)
	case strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x"):
		// 127.1 and 0x7f.1 are read as addresses by some resolvers.
		return fmt.Sprintf("%s: is an address in an uncommon form", host)
	}
	return ""
}

// reserved are ranges that are no public unicast although Go's predicates let
// them pass: RFC 6598 (carrier NAT), RFC 1122 (this network), RFC 2544
// (benchmarks), RFC 5737 and RFC 3849 (documentation), RFC 1112 (class E),
// RFC 6052 (NAT64, which can reach any IPv4 address).
func reserved(ip netip.Addr) bool {
	for _, text := range []string{
		"100.64.0.0/10", "0.0.0.0/8", "198.18.0.0/15", "192.0.0.0/24", "192.0.2.0/24", "198.51.100.0/24",
		"203.0.113.0/24", "240.0.0.0/4", "64:ff9b::/96", "2001:db8::/32",
	} {
		if netip.MustParsePrefix(text).Contains(ip) {
			return true
		}
	}
	return false
}
