package view_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/crosschain-ops/reconcile/internal/view"
)

func attesting() []view.OriginValidators {
	const a, b, c = "0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc", "0x94438a7De38d4548AE54DF5C6010c4EbC5239eAe", "0x31fE4aC1b2D3e4F5061728394a5b6C7D8e9F0a1b"
	return []view.OriginValidators{
		{Origin: "fuji", Threshold: 2, Managed: true, Validators: []view.ValidatorRow{
			{Member: "validator-0", Operator: "us", Address: a, Announced: true, Storage: "s3://staging-validator-0/us-west-2/fuji", Index: 1204, Indexed: true, State: "live", Counts: true},
			{Member: "validator-1", Operator: "us", Address: b, Announced: true, Storage: "s3://staging-validator-1/us-west-2/fuji", Index: 1190, Lag: 14, Indexed: true, State: "behind", Reason: "its latest checkpoint is 1190, the hook's is 1204: 14 behind, at most 0 are tolerated"},
			{Member: "dsrv", Operator: "DSRV", Address: c, Announced: true, Storage: "gs://dsrv-fuji", Index: 1204, Indexed: true, State: "live", Counts: true},
		}},
		{Origin: "optimismsepolia", Threshold: 2, Managed: true, Validators: []view.ValidatorRow{
			{Member: "validator-0", Operator: "us", Address: a, State: "unread", Reason: "optimismsepolia: endpoint rpc.example: eth_call: no answer in 10 s"},
			{Member: "validator-1", Operator: "us", State: "missing", Reason: "its key has no address yet"},
			{Member: "validator-2", Operator: "us", State: "missing", Reason: "its key has no address yet"},
		}},
		{Origin: "sepolia", Threshold: 2, Validators: []view.ValidatorRow{
			{Member: "=cmd|calc", Operator: "a\x1b[31mcme", Address: a, Announced: true, Storage: "s3://\u202eevil/\x07bell", State: "unreachable", Reason: "its location is not one of ours: \u202egpj.exe"},
			{Member: "validator-1", Operator: "us", Address: b, Announced: true, Storage: "s3://staging-validator-1/us-west-2/sepolia", State: "unproven", Counts: true, Reason: "no message has left the origin yet: it is announced, and has nothing to sign"},
		}},
		{Origin: "zora", Threshold: 1, Reason: "not deployed: the deployment has no mailbox, merkleTreeHook, validatorAnnounce there"},
	}
}

func directions() []view.RouteRow {
	const ism = "0x31fE4aC1b2D3e4F5061728394a5b6C7D8e9F0a1b"
	return []view.RouteRow{
		{Origin: "fuji", Destination: "sepolia", Deployed: true, Set: "2 of 3 message-id", ISM: ism, Asked: true, Live: 3, Need: 2, Relayers: []view.RelayerWallet{{Name: "relayer-signer-sepolia", Funded: true}}},
		{Origin: "fuji", Destination: "zora", Missing: []view.Lack{{What: "zora is not deployed: no mailbox", Next: "deploy it, and add it to environments/staging/deployments/testnet.json"}, {What: "no relayer of fuji to zora is declared", Next: "declare a relayer of it in environments/staging/agents.cue"}}},
		{
			Origin: "sepolia", Destination: "fuji", Deployed: true, Set: "1 of 2 either", ISM: ism, Asked: true, Live: 0, Strangers: 1, Need: 1,
			Relayers: []view.RelayerWallet{{Name: "relayer-signer-fuji"}, {Name: "relayer-1-signer-fuji", Unread: true}},
			Missing: []view.Lack{
				{What: "it asks for 1 of 2 either, declared is 2 of 3 message-id", Next: "reconcile plan staging --only 'validator-set/fuji/sepolia'"},
				{What: "live at least 0, need 1: 1 of those asked are not declared, and nobody knows whether they sign", Next: "reconcile validators staging"},
				{What: "relayer wallet relayer-signer-fuji is below its floor on fuji", Next: "reconcile plan staging --only 'funding/fuji/relayer-signer-fuji'"},
			},
		},
	}
}

func TestWhoAttestsAndWhatIsDeliveredReadAsTheirGoldensSay(t *testing.T) {
	t.Parallel()
	narrow := options()
	narrow.Width = 72
	archive := new(txtar.Archive)
	add := func(name string, write func(io.Writer) error) {
		archive.Files = append(archive.Files, txtar.File{Name: name, Data: text(t, write)})
	}
	for _, format := range []string{"table", "csv", "json"} {
		o := view.TableOptions{Options: options(), Format: format}
		add("validators "+format, func(w io.Writer) error { return view.Validators(w, attesting(), o) })
		add("routes "+format, func(w io.Writer) error { return view.Routes(w, directions(), o) })
	}
	add("routes on a narrow terminal", func(w io.Writer) error { return view.Routes(w, directions(), view.TableOptions{Options: narrow}) })
	add("no sets", func(w io.Writer) error { return view.Validators(w, nil, view.TableOptions{Options: options()}) })
	add("no routes", func(w io.Writer) error { return view.Routes(w, nil, view.TableOptions{Options: options()}) })
	golden(t, "who attests and what is delivered", archive)
}

func TestNothingOfAStrangerReachesATerminalOrASheet(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"table", "csv", "json"} {
		said := string(text(t, func(w io.Writer) error {
			return view.Validators(w, attesting(), view.TableOptions{Options: options(), Format: format})
		}))
		for _, bad := range []string{"\x1b", "\x07", "\u202e", "\n=cmd", ",=cmd"} {
			if strings.Contains(said, bad) {
				t.Errorf("%s holds %q", format, bad)
			}
		}
	}
}

func TestTablesOfNothingAreListsAndUnknownFormatsRefused(t *testing.T) {
	t.Parallel()
	for name, write := range map[string]func(io.Writer, view.TableOptions) error{
		"validators": func(w io.Writer, o view.TableOptions) error { return view.Validators(w, nil, o) },
		"routes":     func(w io.Writer, o view.TableOptions) error { return view.Routes(w, nil, o) },
	} {
		var list []map[string]any
		data := text(t, func(w io.Writer) error { return write(w, view.TableOptions{Format: "json"}) })
		if err := json.Unmarshal(data, &list); err != nil || list == nil {
			t.Errorf("%s: %s: %v", name, data, err)
		}
		if err := write(io.Discard, view.TableOptions{Format: "yaml"}); err == nil || err.Error() != `format "yaml": not table, json or csv` {
			t.Errorf("%s: %v", name, err)
		}
	}
}
