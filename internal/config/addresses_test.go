package config_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/crosschain-ops/reconcile/internal/config"
)

const (
	bankARN     = "arn:aws:kms:us-west-2:222233334444:key/0e1f"
	bankAddress = "0xB48e4EdddFCcfbd51943b4Ca7dafD55E73C4da26"
	relayer     = "0x5450447aeE7B544c462C9352bEF7cAD049B0C2Dc"
)

func TestPinsAreReadInBothFormsAndWrittenInOne(t *testing.T) {
	t.Parallel()
	files := base(t)
	files["environments/staging/addresses.json"] = `{
  "bank": {"address": "` + bankAddress + `", "arn": "` + bankARN + `"},
  "relayer-signer-fuji": "` + relayer + `"
}`
	env, _ := load(t, write(t, files), "staging")
	if !maps.Equal(env.Pins, map[string]string{"bank": bankAddress, "relayer-signer-fuji": relayer}) || !maps.Equal(env.PinnedARNs, map[string]string{"bank": bankARN}) {
		t.Errorf("pins %v, ARNs %v", env.Pins, env.PinnedARNs)
	}
	pins, err := config.ParsePins("addresses.json", []byte(files["environments/staging/addresses.json"]))
	if err != nil {
		t.Fatal(err)
	}
	want := `{
  "bank": {"arn": "` + bankARN + `", "address": "` + bankAddress + `"},
  "relayer-signer-fuji": {"address": "` + relayer + `"}
}
`
	if got := string(config.FormatPins(pins)); got != want {
		t.Errorf("is written as\n%swant\n%s", got, want)
	}
	if got := string(config.FormatPins(nil)); got != "{}\n" {
		t.Errorf("no pins are written as %q", got)
	}
	if got := pins["bank"].String() + "|" + pins["relayer-signer-fuji"].String(); got != bankARN+" "+bankAddress+"|"+relayer {
		t.Errorf("pins are shown as %s", got)
	}
}

// Whoever writes the file must not be stopped by what it holds now.
func TestAnEnvironmentLoadsWithoutThePinsThatItIsAboutToGet(t *testing.T) {
	t.Parallel()
	files := base(t)
	files["environments/staging/addresses.json"] = `{"a-key-that-is-gone": "` + bankAddress + `"}`
	root := write(t, files)
	if _, _, err := config.Load(config.Options{Root: root, Name: "staging"}); err == nil {
		t.Fatal("a pin of no key is accepted")
	}
	env, _, err := config.Load(config.Options{Root: root, Name: "staging", Unpinned: true})
	if err != nil || len(env.Pins)+len(env.PinnedARNs) != 0 {
		t.Errorf("pins %v: %v", env.Pins, err)
	}
	if _, _, err := config.Load(config.Options{Root: root, Name: "staging", Unpinned: true, Evaluate: config.Evaluate}); err != nil {
		t.Errorf("evaluated elsewhere: %v", err)
	}
}

func TestTwoEnvironmentsPinNoKeyTwice(t *testing.T) {
	t.Parallel()
	arn := `"arn": "` + bankARN + `", `
	files := base(t)
	for name, data := range unpack(t, "testdata/refused/two_environments_share_no_address.txtar") {
		if name != "edit" && name != "want" {
			files[name] = data
		}
	}
	files["environments/production/all.cue"] = strings.Replace(files["environments/production/all.cue"], "333344445555", "222233334444", 1)
	files["environments/production/addresses.json"] = `{"bank": {` + arn + `"address": "` + bankAddress + `"}}`
	files["environments/staging/addresses.json"] = `{"bank": {` + arn + `"address": "` + relayer + `"}}`
	_, _, err := config.Load(config.Options{Root: write(t, files), Name: "staging"})
	if want := "environments/staging/addresses.json: bank: key " + bankARN + " is also in environment production"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

// The keys that an overlay pins are those of a sandbox, with other ARNs.
func TestAnOverlaysPinStandsForAnotherKey(t *testing.T) {
	t.Parallel()
	files := base(t)
	files["environments/staging/addresses.json"] = `{"bank": {"arn": "` + bankARN + `", "address": "` + bankAddress + `"},
"relayer-signer-fuji": {"arn": "` + bankARN + `f", "address": "0x2B5AD5c4795c026514f8317c7a215E218DcCD6cF"}}`
	overlay, err := config.LoadOverlay("overlay.json", []byte(sandbox))
	if err != nil {
		t.Fatal(err)
	}
	env, _, err := config.Load(config.Options{Root: write(t, files), Name: "staging", Overlay: overlay})
	if err != nil {
		t.Fatal(err)
	}
	if env.Pins["bank"] != relayer || !maps.Equal(env.PinnedARNs, map[string]string{"relayer-signer-fuji": bankARN + "f"}) {
		t.Errorf("pins %v, ARNs %v", env.Pins, env.PinnedARNs)
	}
}

// What looks alike among a neighbour's own addresses is told when that is loaded,
// and both are known here.
func TestANeighboursLookAlikesAreItsOwn(t *testing.T) {
	t.Parallel()
	files := base(t)
	for name, data := range unpack(t, "testdata/refused/two_environments_share_no_address.txtar") {
		if name != "edit" && name != "want" {
			files[name] = data
		}
	}
	files["environments/production/addresses.json"] = `{"bank": "0x1234567890123456789012345678901234565678", "relayer-signer-ethereum": "0x1234000000000000000000000000000000005678"}`
	files["environments/staging/addresses.json"] = `{"bank": "` + bankAddress + `"}`
	root := write(t, files)
	if _, _, err := config.Load(config.Options{Root: root, Name: "production"}); err == nil || !strings.Contains(err.Error(), config.RuleLookAlike) {
		t.Errorf("production: %v", err)
	}
	env, _ := load(t, root, "staging")
	var known []string
	for _, k := range env.Known {
		known = append(known, k.Environment+" "+k.Address)
	}
	want := []string{"staging " + bankAddress, "production 0x1234567890123456789012345678901234565678", "production 0x1234000000000000000000000000000000005678"}
	if !slices.Equal(known, want) {
		t.Errorf("known %v, want %v", known, want)
	}
}
