package architecture

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// waiting judges the jobs that wait for people, and those that come after.
func (j *judgement) waiting(name string, one job, rights map[string]string) {
	applies := slices.ContainsFunc(one.Steps, func(s step) bool { return strings.Contains(s.With["role-to-assume"], applyRole) })
	inEnvironment := !one.Environment.IsZero()
	if inEnvironment && !applies {
		if len(rights) > 0 {
			j.say("%s: waits for people with rights", name)
		}
		if !one.Concurrency.IsZero() {
			j.say("%s: waits for people and holds others up", name)
		}
		if one.If != "needs.plan.outputs.changes != '0'" || !slices.Equal(keys(one.Needs), []string{"plan"}) {
			j.say("%s: does not follow its plan", name)
		}
	}
	if !applies {
		return
	}
	if !slices.Equal(keys(one.Needs), []string{"gate"}) || one.If != "" {
		j.say("%s: does not wait for the gate", name)
	}
	if !inEnvironment || one.Environment.Value != "${{ inputs.environment }}-apply" {
		j.say("%s: becomes the apply role outside of its environment", name)
	}
	var group struct {
		Group  string
		Cancel yaml.Node `yaml:"cancel-in-progress"`
	}
	if one.Concurrency.Kind != yaml.MappingNode || one.Concurrency.Decode(&group) != nil || !strings.Contains(group.Group, "inputs.environment") {
		j.say("%s: may run beside another", name)
	} else if group.Cancel.Value != "false" {
		j.say("%s: may be cancelled by another", name)
	}
	plan := j.w.Jobs["plan"]
	if !slices.ContainsFunc(plan.Steps, func(s step) bool { return strings.HasPrefix(s.Run, summaryCheck) && s.If == "" }) {
		j.say("plan: a refused plan does not stop what follows")
	}
}

// step judges one step of a job with some rights.
func (j *judgement) step(name string, one job, s step, rights map[string]string) {
	anywhere, building := actions()
	action, _, _ := strings.Cut(s.Uses, "@")
	builds := strings.HasPrefix(s.Run, "make ") || slices.Contains(building, action)
	for right := range rights {
		if builds && right != "contents" {
			j.say("%s: builds what it checks out and has %s", name, right)
		}
	}
	for _, values := range []map[string]string{s.With, s.Env, one.Env} {
		for key, value := range values {
			if strings.Contains(value, "secrets.") {
				j.say("%s: hands a secret to a step: roles and the job's own token are enough", name)
			}
			if slices.Contains([]string{"PATH", "BASH_ENV", "ENV", "LD_PRELOAD"}, key) {
				j.say("%s: sets %s", name, key)
			}
		}
	}
	if s.Uses != "" {
		switch {
		case strings.HasPrefix(s.Uses, "./"):
			j.say("%s: %s is code of the checkout", name, s.Uses)
		case !pin.MatchString(s.Uses):
			j.say("%s: %s is not pinned by a commit", name, s.Uses)
		case !slices.Contains(anywhere, action) && !slices.Contains(building, action):
			j.say("%s: uses %s, which nobody has looked at", name, action)
		}
		j.uses(name, action, s)
		return
	}
	j.run(name, s, builds && j.file == "ci.yml")
}

// uses judges how an action is called.
func (j *judgement) uses(name, action string, s step) {
	switch action {
	case "actions/checkout":
		if s.With["persist-credentials"] != "false" {
			j.say("%s: leaves the token in the checkout", name)
		}
		if s.With["fetch-depth"] != "0" {
			j.say("%s: checks out without its history", name)
		}
		if strings.HasPrefix(j.file, "apply") && s.With["ref"] != "${{ github.sha }}" {
			j.say("%s: is not of the merged commit", name)
		}
	case ownAction:
		if s.With["version"] != "${{ vars.RECONCILE_VERSION }}" || s.With["sha256"] != "${{ vars.RECONCILE_SHA256 }}" {
			j.say("%s: the binary is not compared with a digest that the repository sets", name)
		}
	case "actions/upload-artifact", "actions/download-artifact":
		if !strings.HasPrefix(s.With["path"], "${{ runner.temp }}/") {
			j.say("%s: takes %s out of the checkout, where a pull request may put what it likes", name, s.With["path"])
		}
	}
}

// run judges a command: one, of the tool, with nothing pasted in.
func (j *judgement) run(name string, s step, builds bool) {
	if strings.Contains(s.Run, "${{") {
		j.say("%s: %q pastes an expression into a shell", name, s.Run)
	}
	if joined.MatchString(strings.TrimSpace(s.Run)) {
		j.say("%s: %q is more than one command", name, s.Run)
	}
	if s.Shell != "" {
		j.say("%s: chooses its shell", name)
	}
	if s.WorkingDirectory != "" {
		j.say("%s: runs elsewhere", name)
	}
	if !strings.HasPrefix(s.Run, "reconcile ") && (!builds || s.Run != "make test") {
		j.say("%s: runs %q, which is no call of the tool", name, s.Run)
	}
	for _, flag := range []string{"--plan ", "--result "} {
		if _, value, found := strings.Cut(s.Run, flag); found && !strings.HasPrefix(value, `"$RUNNER_TEMP/`) {
			j.say("%s: reads a plan from the checkout", name)
		}
	}
	if _, value, found := strings.Cut(s.Run, "--out "); found && !strings.HasPrefix(value, `"$RUNNER_TEMP/`) {
		j.say("%s: writes a plan into the checkout", name)
	}
	if value, found := strings.CutPrefix(s.Run, "reconcile apply "); found && !strings.HasPrefix(value, `"$RUNNER_TEMP/`) {
		j.say("%s: applies a plan of the checkout", name)
	}
}
