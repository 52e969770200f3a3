package safe

import (
	"slices"

	"github.com/ethereum/go-ethereum/common"
)

// The kinds of published contracts.
const (
	KindProxy     = "proxy"
	KindSafe      = "Safe"
	KindSafeL2    = "SafeL2"
	KindMultiSend = "MultiSendCallOnly"
	KindHandler   = "CompatibilityFallbackHandler"
)

// Contract is a published contract of Safe.
type Contract struct {
	Version, Kind string
	CodeHash      common.Hash
	// Addresses are where it lies on the chains that have it there: the canonical
	// one first, then the one of chains that need EIP-155 deployments. A proxy has
	// none.
	Addresses []common.Address
}

// Contracts lists the published contracts that a Safe is made of. Addresses and
// code hashes: npm package @safe-global/safe-deployments 1.37.56, "canonical" and
// "eip155" (those of the zkSync stack are other code and are not known here).
// Code hashes of proxies: deployed bytecode in the packages
// @gnosis.pm/safe-contracts 1.3.0, @safe-global/safe-contracts 1.4.1 and
// @safe-global/safe-smart-account 1.5.0, which their factories hold too.
func Contracts() []Contract {
	at := func(texts ...string) []common.Address {
		var all []common.Address
		for _, text := range texts {
			all = append(all, common.HexToAddress(text))
		}
		return all
	}
	hash := common.HexToHash
	return []Contract{
		{"1.3.0", KindProxy, hash("0xb89c1b3bdf2cf8827818646bce9a8f6e372885f8c55e5c07acbd307cb133b000"), nil},
		{"1.4.1", KindProxy, hash("0xd7d408ebcd99b2b70be43e20253d6d92a8ea8fab29bd3be7f55b10032331fb4c"), nil},
		{"1.5.0", KindProxy, hash("0x4e381985ca68b3e5d27b4425fa581c19cf33146d3f887a3cfca96f55528ea46f"), nil},
		{"1.3.0", KindSafe, hash("0xbba688fbdb21ad2bb58bc320638b43d94e7d100f6f3ebaab0a4e4de6304b1c2e"),
			at("0xd9Db270c1B5E3Bd161E8c8503c55cEABeE709552", "0x69f4D1788e39c87893C980c06EdF4b7f686e2938")},
		{"1.4.1", KindSafe, hash("0x1fe2df852ba3299d6534ef416eefa406e56ced995bca886ab7a553e6d0c5e1c4"),
			at("0x41675C099F32341bf84BFc5382aF534df5C7461a")},
		{"1.5.0", KindSafe, hash("0xdda019cbd7c867a533a2a86e5c53434fdc50b13122b5a5ddb4a8df61b31c20f2"),
			at("0xFf51A5898e281Db6DfC7855790607438dF2ca44b")},
		{"1.3.0", KindSafeL2, hash("0x21842597390c4c6e3c1239e434a682b054bd9548eee5e9b1d6a4482731023c0f"),
			at("0x3E5c63644E683549055b9Be8653de26E0B4CD36E", "0xfb1bffC9d739B8D520DaF37dF666da4C687191EA")},
		{"1.4.1", KindSafeL2, hash("0xb1f926978a0f44a2c0ec8fe822418ae969bd8c3f18d61e5103100339894f81ff"),
			at("0x29fcB43b46531BcA003ddC8FCB67FFE91900C762")},
		{"1.5.0", KindSafeL2, hash("0x180193227186ccb85316c94db1f0d156ed932b14712cfaac78901899178572dc"),
			at("0xEdd160fEBBD92E350D4D398fb636302fccd67C7e")},
		{"1.3.0", KindMultiSend, hash("0xa9865ac2d9c7a1591619b188c4d88167b50df6cc0c5327fcbd1c8c75f7c066ad"),
			at("0x40A2aCCbd92BCA938b02010E17A5b8929b49130D", "0xA1dabEF33b3B82c7814B6D82A79e50F4AC44102B")},
		{"1.4.1", KindMultiSend, hash("0xecd5bd14a08c5d2122379900b2f272bdf107a7e92423c10dd5fe3254386c9939"),
			at("0x9641d764fc13c8B624c04430C7356C1C7C8102e2")},
		{"1.5.0", KindMultiSend, hash("0xcdbdcec38d2f1c7d961b0029ff8416b7e86e9974d6f0e9c9580c7d17fcfb6663"),
			at("0xA83c336B20401Af773B6219BA5027174338D1836")},
		{"1.3.0", KindHandler, hash("0x03e69f7ce809e81687c69b19a7d7cca45b6d551ffdec73d9bb87178476de1abf"),
			at("0xf48f2B2d2a534e402487b3ee7C18c33Aec0Fe5e4", "0x017062a1dE2FE6b99BE3d9d37841FeD19F573804")},
		{"1.4.1", KindHandler, hash("0x7c6007a5d711cea8dfd5d91f5940ec29c7f200fe511eb1fc1397b367af3c42f9"),
			at("0xfd0732Dc9E303f09fCEf3a7388Ad10A83459Ec99")},
		{"1.5.0", KindHandler, hash("0x3c6a85bcf7b563daa624b884b4e9a1b9fa5371edde7be945d998071a48f28bbc"),
			at("0x3EfCBb83A4A7AfcB4F68D501E2c2203a38be77f4")},
	}
}

// Published finds the published contract with a code hash. What a Safe says of
// itself is worth something only if both its proxy's and its singleton's code
// are published: any other code may answer as it likes.
func Published(codeHash common.Hash) (version, kind string, ok bool) {
	for _, c := range Contracts() {
		if c.CodeHash == codeHash {
			return c.Version, c.Kind, true
		}
	}
	return "", "", false
}

// PublishedHandler reports a fallback handler that Safe itself publishes, at one
// of its usual addresses.
func PublishedHandler(address common.Address) bool {
	return slices.ContainsFunc(Contracts(), func(c Contract) bool { return c.Kind == KindHandler && slices.Contains(c.Addresses, address) })
}
