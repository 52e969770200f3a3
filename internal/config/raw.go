package config

import (
	"encoding/json"
	"strconv"
)

// The raw types are #Environment of the schema, field by field. Decoding is
// strict, so that the two cannot drift apart.

type rawEnvironment struct {
	Name       string
	Purpose    string
	Class      string
	Mode       string
	Accounts   string
	Addresses  string
	Operator   string
	Deployment string
	AWS        rawAWS
	Store      *rawStore
	Networks   map[string]rawNetwork
	Routes     *rawRoutes
	AgentSet   string
	Agents     map[string]rawAgent
	Aliases    string
	Keys       map[string]rawKey
	Access     *rawAccess
	Buckets    map[string]rawBucket
	Tool       *rawTool
	Protect    []string
	Funding    map[string]rawFunding
	Gates      rawGates
	Mirrors    *rawMirrors

	ValidatorSets map[string]rawValidatorSet
	Validators    *rawValidators
	Safes         map[string]rawSafe
	Contracts     map[string]rawContract
	Sender        string
}

type rawAWS struct{ Account, Region string }

type rawStore struct{ Kind, Path, Bucket, Prefix, Region string }

type rawNetwork struct {
	DisplayName   string
	ChainID       uint64
	DomainID      uint32
	Class         string
	Genesis       string
	Stack         string
	NativeToken   rawToken
	RPC           []string
	Confirmations uint64
	TxType        string
	Explorer      string
	State         string
	BatchSize     int
}

type rawToken struct {
	Symbol   string
	Decimals int
}

// rawAgent has pointers where "left out" differs from a value: what is left
// out comes from the set, then the role.
type rawAgent struct {
	Role        string
	Enabled     *bool
	Instances   int
	Numbered    *bool
	Networks    []string
	Signer      string
	Attestation string
	Storage     string
	SignerKey   string
	Operator    string
	OperatedBy  string
	Routes      *rawRoutes
	TestnetOnly bool
}

// rawRoutes is the word all or a list.
type rawRoutes struct {
	All  bool
	List []rawRoute
}

type rawRoute struct{ From, To string }

// UnmarshalJSON reads "all" or a list; the schema admits nothing else.
func (r *rawRoutes) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		r.All = true
		return nil
	}
	return json.Unmarshal(data, &r.List)
}

type rawKey struct {
	Use      string
	Holder   string
	Alias    string
	Region   string
	Path     string
	Adopt    bool
	Protect  bool
	Networks []string
	Operator string
}

type rawFunding struct {
	Bank    string
	Reserve string
	Caps    struct{ Transaction, Plan, Day string }
	Roles   map[string]rawLevel
	Keys    map[string]rawLevel
	Wallets map[string]rawWallet
}

// rawLevel is the word none or a level.
type rawLevel struct {
	None       bool
	Floor      string
	Target     string
	BurnPerDay string
}

// UnmarshalJSON reads "none" or an object; the schema admits nothing else.
func (l *rawLevel) UnmarshalJSON(data []byte) error {
	if data[0] == '"' {
		l.None = true
		return nil
	}
	type plain rawLevel
	return json.Unmarshal(data, (*plain)(l))
}

type rawWallet struct{ Address, Floor, Target, BurnPerDay string }

type rawGates struct {
	Protective   rawNeed
	Routine      rawNeed
	TopUp        *rawNeed
	Sensitive    rawNeed
	Destructive  rawNeed
	Belts        *Belts
	Windows      *rawWindows
	TrustedRef   string
	PlanLife     string
	Acknowledged []rawAcknowledgement
	Calls        map[string]string
	Approvals    rawApprovals
}

type rawApprovals struct {
	SecurityKeys bool
	Replan       bool
	Remote       string
}

// rawNeed is auto, forbid or a number of approvals.
type rawNeed Requirement

// UnmarshalJSON reads the word or the number; the schema admits nothing else.
func (n *rawNeed) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case `"auto"`:
		n.Auto = true
	case `"forbid"`:
		n.Forbid = true
	default:
		count, err := strconv.Atoi(string(data))
		if err != nil {
			return err
		}
		n.Approvals = count
	}
	return nil
}

type rawWindows struct {
	Zone        string
	Allow, Deny []rawWindow
	TopUps      bool
}

type rawWindow struct {
	From, To, Begin, End, Why string
	Days                      []string
}

type rawAcknowledgement struct{ Rule, ID, Reason, Expires string }

type rawMirrors struct {
	Environment string
	Networks    map[string]string
	Exceptions  map[string]string
}
