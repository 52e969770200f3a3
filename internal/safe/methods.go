package safe

import "github.com/ethereum/go-ethereum/common"

// knownMethod is a method whose effect is told in words. {0} is its first
// argument.
type knownMethod struct {
	signature, danger, text string
	// nested tells what is in its arguments.
	nested func(t teller, to common.Address, args []any, depth int) []Effect
}

// knownMethods are those of Safe 1.3.0 to 1.5.0 (OwnerManager, ModuleManager,
// GuardManager, FallbackManager, MultiSend), of OpenZeppelin's Ownable,
// AccessControl and proxies, of Hyperlane's core contracts (@hyperlane-xyz/core
// 12.1.0), and of ERC-20 and ERC-721.
func knownMethods() []knownMethod {
	return append(safeMethods(), otherMethods()...)
}

func safeMethods() []knownMethod {
	return []knownMethod{
		{signature: "addOwnerWithThreshold(address,uint256)", danger: "owner", text: "add owner {0}, threshold {1}"},
		{signature: "removeOwner(address,address,uint256)", danger: "owner", text: "remove owner {1}, threshold {2}"},
		{signature: "swapOwner(address,address,address)", danger: "owner", text: "replace owner {1} by {2}"},
		{signature: "changeThreshold(uint256)", danger: "owner", text: "threshold {0}"},
		{signature: "setup(address[],uint256,address,bytes,address,address,uint256,address)", danger: "owner, delegatecall", text: "set up with owners {0}, threshold {1}, delegatecall to {2}"},
		{signature: "enableModule(address)", danger: "module", text: "enable module {0}, which may then act without any owner"},
		{signature: "disableModule(address,address)", danger: "module", text: "disable module {1}"},
		{signature: "setModuleGuard(address)", danger: "guard", text: "set the guard of modules to {0}"},
		{signature: "execTransactionFromModule(address,uint256,bytes,uint8)", danger: "module", text: "act as a module: to {0}, {1} wei, {2}, operation {3}"},
		{signature: "setGuard(address)", danger: "guard", text: "set the guard to {0}"},
		{signature: "setFallbackHandler(address)", danger: "fallback handler", text: "set the fallback handler to {0}"},
		{signature: "approveHash(bytes32)", danger: "signature", text: "approve safeTxHash {0}"},
		{signature: execSignature, text: "execute", nested: inSafe},
		{signature: "multiSend(bytes)", text: "make calls in its own name, not in the owner's", nested: inBatch},
	}
}

func otherMethods() []knownMethod {
	return []knownMethod{
		{signature: "transferOwnership(address)", danger: "ownership", text: "transfer ownership to {0}"},
		{signature: "renounceOwnership()", danger: "ownership", text: "renounce ownership: nobody owns it then"},
		{signature: "acceptOwnership()", danger: "ownership", text: "accept ownership"},
		{signature: "grantRole(bytes32,address)", danger: "ownership", text: "grant role {0} to {1}"},
		{signature: "revokeRole(bytes32,address)", danger: "ownership", text: "revoke role {0} from {1}"},
		{signature: "upgradeTo(address)", danger: "upgrade", text: "upgrade to {0}"},
		{signature: "upgradeToAndCall(address,bytes)", danger: "upgrade", text: "upgrade to {0}", nested: inUpgrade(1)},
		{signature: "upgrade(address,address)", danger: "upgrade", text: "upgrade proxy {0} to {1}"},
		{signature: "upgradeAndCall(address,address,bytes)", danger: "upgrade", text: "upgrade proxy {0} to {1}", nested: inUpgrade(2)},
		{signature: "changeAdmin(address)", danger: "upgrade, ownership", text: "change the proxy's admin to {0}"},
		{signature: "changeProxyAdmin(address,address)", danger: "upgrade, ownership", text: "change the admin of proxy {0} to {1}"},
		{signature: "setDefaultIsm(address)", text: "set the default ISM to {0}"},
		{signature: "setDefaultHook(address)", text: "set the default hook to {0}"},
		{signature: "setRequiredHook(address)", text: "set the required hook to {0}"},
		{signature: "setInterchainSecurityModule(address)", text: "set its own ISM to {0}"},
		{signature: "setHook(address)", text: "set its hook to {0}"},
		{signature: "set(uint32,address)", text: "set the ISM of domain {0} to {1}"},
		{signature: "remove(uint32)", text: "remove the ISM of domain {0}"},
		{signature: "setIsms((uint32,address)[])", text: "set the ISMs of domains {0}"},
		{signature: "removeIsms(uint32[])", text: "remove the ISMs of domains {0}"},
		{signature: "setValidatorsAndThreshold(address[],uint8)", text: "set validators {0}, threshold {1}"},
		{signature: "pause()", text: "pause"},
		{signature: "unpause()", text: "unpause"},
		{signature: "transfer(address,uint256)", danger: "token", text: "transfer {1} of the token to {0}"},
		{signature: "approve(address,uint256)", danger: "token", text: "let {0} spend {1} of the token"},
		{signature: "increaseAllowance(address,uint256)", danger: "token", text: "let {0} spend {1} more of the token"},
		{signature: "transferFrom(address,address,uint256)", danger: "token", text: "transfer {2} of the token from {0} to {1}"},
		{signature: "safeTransferFrom(address,address,uint256)", danger: "token", text: "transfer token {2} from {0} to {1}"},
		{signature: "setApprovalForAll(address,bool)", danger: "token", text: "let {0} spend all of the token: {1}"},
		{signature: "transferRemote(uint32,bytes32,uint256)", danger: "token", text: "transfer {2} of the token to {1} at domain {0}"},
	}
}
