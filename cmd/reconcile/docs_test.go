package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// notRunHere says of each command in the documents that no script runs why.
func notRunHere() map[string]string {
	return map[string]string{
		"make demo":        "is a test of its own: tools/demo.sh fails when anything is not as it says",
		"make test":        "is what runs this test",
		"make setup build": "is what make test starts with",
		"reconcile plan development --out today.plan.json":       "is shown with what it prints; the tour plans staging, and apply_the_real_development_from_nothing_to_in_sync this one",
		"reconcile apply today.plan.json":                        "is shown after its plan; apply_the_real_development_from_nothing_to_in_sync applies one",
		"reconcile approve production.plan.json":                 "is shown with what it prints; approve_two_people_sign_and_the_plan_is_applied signs",
		"bin/sandbox up staging --contracts --open &":            "the script's own sandbox is the same code; the program is tested in cmd/sandbox",
		"until [ -e .sandbox/staging/env.sh ]; do sleep 1; done": "the script's own sandbox is up when it returns",
		". .sandbox/staging/env.sh":                              "the script sets the same variables; the file is tested in cmd/sandbox",
		"bash bootstrap.sh":                                      "bootstrap_the_printed_script_mends_an_account runs it as an administrator",
		"aws cloudformation create-stack --stack-name reconcile-guarded --capabilities CAPABILITY_NAMED_IAM --template-body file://template.json": "bootstrap_the_cloudformation_template_makes_the_same runs it as an administrator",
		"bin/sandbox up staging &":                                     "the script's own sandbox is the same code; the program is tested in cmd/sandbox",
		"bin/sandbox retag staging relayer-signer-fuji role=validator": "the script calls the same code; the program is tested in cmd/sandbox",
		"bin/sandbox down staging":                                     "the program is tested in cmd/sandbox",
		"bin/sandbox validator start staging validator-0 &":            "the program is tested in cmd/sandbox",
		"bin/sandbox validator start staging validator-1 &":            "the program is tested in cmd/sandbox",
		"bin/sandbox validator start staging validator-2 &":            "the program is tested in cmd/sandbox",
		"id=$(bin/sandbox dispatch staging fuji sepolia)":              "the program is tested in cmd/sandbox",
		"bin/sandbox verify staging fuji $id":                          "the program is tested in cmd/sandbox",
		"export RECONCILE_AWS_PROFILE_TRIAL=trial-read":                "is a variable; TestAnEnvironmentIsReadWithItsOwnProfile reads it",
		"jq -j .statement bob.approval > bob.statement":                "TestTheCommandsOfReviewAreRunAsTheyStand runs it",
		"jq -j .signature bob.approval > bob.statement.sig":            "TestTheCommandsOfReviewAreRunAsTheyStand runs it",
		"ssh-keygen -Y verify -f environments/production/approvers -I bob@example.org -n reconcile-plan@v1 -s bob.statement.sig < bob.statement": "TestTheCommandsOfReviewAreRunAsTheyStand runs it",
		"cat bob.statement":                                "TestTheCommandsOfReviewAreRunAsTheyStand runs it",
		"git config gpg.format ssh":                        "TestTheCommandsOfReviewAreRunAsTheyStand runs it",
		"git config user.signingkey ~/.ssh/id_ed25519.pub": "TestTheCommandsOfReviewAreRunAsTheyStand runs it",
		"git config commit.gpgsign true":                   "TestTheCommandsOfReviewAreRunAsTheyStand runs it",
	}
}

func TestEveryCommandOfTheDocumentsIsRunByAScript(t *testing.T) {
	t.Parallel()
	run := commandsOfScripts(t)
	excused := notRunHere()
	found := 0
	for _, document := range documents(t) {
		for _, command := range commandsOf(t, document) {
			found++
			if _, ok := excused[command]; ok {
				excused[command] = ""
				continue
			}
			if !run[strings.TrimPrefix(command, "bin/")] {
				t.Errorf("%s: no script runs %q", filepath.Base(document), command)
			}
		}
	}
	if found == 0 {
		t.Error("the documents hold no command")
	}
	for command, reason := range excused {
		if reason != "" {
			t.Errorf("%q stands in no document any more", command)
		}
	}
}

// commandsOf lists the lines of the fenced sh blocks of a document, and our own
// commands in its indented ones unless a word stands in for something (ENV), comments
// left out.
func commandsOf(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	inside := false
	shown := regexp.MustCompile(`^ {4}(\$ )?((bin/)?reconcile [a-z-].*)$`)
	placeholder := regexp.MustCompile(`\b[A-Z]{2,}\b`)
	for line := range strings.Lines(string(text)) {
		if m := shown.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil && !inside && !placeholder.MatchString(m[2]) {
			command, _, _ := strings.Cut(m[2], " #")
			commands = append(commands, strings.TrimSpace(command))
		}
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "```"):
			inside = !inside && line == "```sh"
		case inside:
			if command, _, _ := strings.Cut(line, " #"); strings.TrimSpace(command) != "" {
				commands = append(commands, strings.TrimSpace(command))
			}
		}
	}
	return commands
}

// commandsOfScripts are what scripts run and expect to end well.
func commandsOfScripts(t *testing.T) map[string]bool {
	t.Helper()
	scripts, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	run := map[string]bool{}
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			for _, verb := range []string{"exits 0 ", "exec "} {
				if command, ok := strings.CutPrefix(strings.TrimSpace(line), verb); ok {
					run[command] = true
				}
			}
		}
	}
	return run
}
