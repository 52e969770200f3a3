package architecture

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// What a workflow is, as far as rights go. GitHub Actions, "Workflow syntax".
type (
	workflow struct {
		On          yaml.Node
		Permissions yaml.Node
		Concurrency yaml.Node
		Jobs        map[string]job
		Runs        struct{ Steps []step } // of an action
	}
	job struct {
		If, Uses       string
		Needs          yaml.Node
		Environment    yaml.Node
		Concurrency    yaml.Node
		Permissions    yaml.Node
		RunsOn         string `yaml:"runs-on"`
		TimeoutMinutes int    `yaml:"timeout-minutes"`
		Env            map[string]string
		Steps          []step
	}
	step struct {
		ID, If, Uses, Run, Shell string
		WorkingDirectory         string `yaml:"working-directory"`
		With, Env                map[string]string
	}
)

const (
	ownAction    = "crosschain-ops/reconcile/.github/actions/reconcile"
	sameRepo     = "github.event.pull_request.head.repo.full_name == github.repository"
	applyRole    = "role/reconcile-tool/reconcile-apply-"
	afterPlan    = "needs.plan.result != 'skipped'"
	applyOne     = "./.github/workflows/apply-environment.yml"
	summaryCheck = "reconcile ci summary --strict "
)

var (
	pin          = regexp.MustCompile(`^[A-Za-z0-9_.-]+/[A-Za-z0-9_./-]+@[0-9a-f]{40}$`)
	usesLine     = regexp.MustCompile(`^\s*(?:- )?uses:\s+(\S+)(?:\s+# v\d\S*)?\s*$`)
	versionedUse = regexp.MustCompile(`^\s*(?:- )?uses:\s+\S+\s+# v\d\S*\s*$`)
	joined       = regexp.MustCompile("[;&|`\n(]")
)

// actions are those that somebody has looked at. The second list builds and runs
// code and is for jobs without rights.
func actions() (anywhere, building []string) {
	return []string{"actions/checkout", "actions/upload-artifact", "actions/download-artifact", "aws-actions/configure-aws-credentials", ownAction},
		[]string{"actions/setup-go", "actions/setup-node"}
}

type judgement struct {
	file       string
	w          workflow
	complaints []string
}

func (j *judgement) say(format string, args ...any) {
	j.complaints = append(j.complaints, fmt.Sprintf(format, args...))
}

// judge says everything that is wrong with a workflow or an action.
func judge(name, text string) []string {
	j := &judgement{file: name[strings.LastIndex(name, "/")+1:]}
	if err := yaml.Unmarshal([]byte(text), &j.w); err != nil {
		return []string{err.Error()}
	}
	for line := range strings.Lines(text) {
		if match := usesLine.FindStringSubmatch(line); match != nil && !strings.HasPrefix(match[1], "./") && !versionedUse.MatchString(line) {
			j.say("%s does not say its version", match[1])
		}
	}
	if j.file == "action.yml" {
		for _, s := range j.w.Runs.Steps {
			if strings.Contains(s.Run, "${{") || strings.ContainsAny(s.Run, ";&|`\n") {
				j.say("%q is more than one command, or pastes an expression into a shell", s.Run)
			}
			if s.Uses != "" {
				j.say("uses %s: an action that installs needs no other", s.Uses)
			}
		}
		return j.complaints
	}
	j.start()
	for name, one := range j.w.Jobs {
		j.job(name, one)
	}
	j.order()
	return j.complaints
}

// start judges what starts a workflow, and what it gives all jobs.
func (j *judgement) start() {
	known := []string{"pull_request", "push", "schedule", "workflow_dispatch", "workflow_call"}
	for _, event := range keys(j.w.On) {
		if !slices.Contains(known, event) {
			j.say("starts by %s", event)
		}
	}
	var on struct{ Push struct{ Branches []string } }
	if slices.Contains(keys(j.w.On), "push") && (j.w.On.Decode(&on) != nil || !slices.Equal(on.Push.Branches, []string{"main"})) {
		j.say("starts by push of another branch than main")
	}
	if j.w.Permissions.Kind != yaml.MappingNode || len(j.w.Permissions.Content) > 0 {
		j.say("must begin with permissions: {}")
	}
	for _, one := range j.w.Jobs {
		if !one.Environment.IsZero() && !j.w.Concurrency.IsZero() {
			j.say("holds others up while people are waited for")
		}
	}
}

// order judges that environments follow one another.
func (j *judgement) order() {
	for after, before := range map[string]string{"staging": "development", "production": "staging"} {
		if one, ok := j.w.Jobs[after]; ok && one.Uses == applyOne && (!slices.Equal(keys(one.Needs), []string{before}) || one.If != "") {
			j.say("%s does not wait for %s", after, before)
		}
	}
}

// keys are the words of a list, the keys of a map, or the one word.
func keys(n yaml.Node) []string {
	var words []string
	switch n.Kind {
	case yaml.ScalarNode:
		words = append(words, n.Value)
	case yaml.SequenceNode:
		for _, one := range n.Content {
			words = append(words, one.Value)
		}
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			words = append(words, n.Content[i].Value)
		}
	}
	return words
}

// job judges one job: its rights, and what it does with them.
func (j *judgement) job(name string, one job) {
	rights := map[string]string{}
	if one.Permissions.Kind != yaml.MappingNode || one.Permissions.Decode(&rights) != nil {
		j.say("%s: does not list its own permissions", name)
	}
	var writes []string
	for scope, right := range rights {
		if right != "write" {
			continue
		}
		if !slices.Contains([]string{"id-token", "pull-requests", "statuses", "issues"}, scope) && rights["id-token"] != "write" {
			j.say("%s: has %s: write, which no job needs", name, scope)
		}
		if scope != "id-token" {
			writes = append(writes, scope)
		}
	}
	slices.Sort(writes)
	if rights["id-token"] == "write" && len(writes) > 0 {
		j.say("%s: may write %s and become a role", name, writes[0])
	}
	if slices.Contains(keys(j.w.On), "pull_request") {
		j.fork(name, one, rights["id-token"] == "write" || len(writes) > 0)
	}
	if one.Uses != "" {
		if one.Uses != applyOne {
			j.say("%s: calls %s, which nobody has looked at", name, one.Uses)
		}
		return
	}
	if one.TimeoutMinutes == 0 {
		j.say("%s: has no timeout", name)
	}
	if one.RunsOn != "ubuntu-24.04" {
		j.say("%s: runs on %s, which others use too or which changes by itself", name, one.RunsOn)
	}
	j.waiting(name, one, rights)
	for _, s := range one.Steps {
		j.step(name, one, s, rights)
	}
}

// fork judges what a job does for a pull request of a stranger.
func (j *judgement) fork(name string, one job, writes bool) {
	if writes {
		conditions := strings.Split(strings.TrimSuffix(strings.TrimPrefix(one.If, "${{ "), " }}"), " && ")
		own := slices.Contains(conditions, sameRepo)
		follows := slices.Equal(keys(one.Needs), []string{"plan"}) && slices.Contains(conditions, afterPlan)
		if (!own && !follows) || strings.Contains(one.If, "||") {
			j.say("%s: runs for a fork with more than reading", name)
		}
		return
	}
	for _, s := range one.Steps {
		if strings.HasPrefix(s.Run, "reconcile ") && s.Run != "reconcile vet" {
			j.say("%s: runs %q for a fork", name, s.Run)
		}
	}
}
